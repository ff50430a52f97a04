/** Where the arrow keys lead from a node: up to what it was made of, down to what was made of it, sideways in its
generation. Pure. */

import type { Picture, Tile } from "./layout";

export type Way = "up" | "down" | "left" | "right" | "first" | "last";

/** The node to go to, or null where nothing lies that way. */
export function step(picture: Picture, from: string, way: Way): string | null {
  const tile = picture.tiles.get(from);
  if (!tile) return null;
  if (way === "up") return nearest(parents(picture, tile), tile);
  if (way === "down") return nearest(children(picture, tile), tile);
  const row = [...picture.tiles.values()].filter((each) => each.generation === tile.generation);
  row.sort((a, b) => a.x - b.x);
  const at = row.indexOf(tile);
  const to = { left: at - 1, right: at + 1, first: 0, last: row.length - 1 }[way];
  return row[to]?.node.id ?? null;
}

/** Where the walk begins: at the image that was asked about, else at the oldest. */
export function start(picture: Picture, wanted: string): string | null {
  return picture.tiles.has(wanted) ? wanted : (picture.tiles.keys().next().value ?? null);
}

/** What a node was made of, what began it first. */
export function parents(picture: Picture, tile: Tile): Tile[] {
  const key = plateOf(tile);
  const lines = picture.lines.filter((each) => each.to === key);
  const begun = lines.filter((each) => each.role === "init" || each.role === "source");
  return (begun.length ? begun : lines).flatMap((each) => picture.tiles.get(each.from) ?? []);
}

/** What was made of a node itself; where nothing was, of the others of its job, so that one finds a way down. */
export function children(picture: Picture, tile: Tile): Tile[] {
  const of = (ids: Set<string>): Tile[] => {
    const keys = new Set(picture.lines.filter((each) => ids.has(each.from)).map((each) => each.to));
    return [...picture.tiles.values()].filter((each) => keys.has(plateOf(each)));
  };
  const own = of(new Set([tile.node.id]));
  if (own.length) return own;
  const beside = [...picture.tiles.values()].filter((each) => plateOf(each) === plateOf(tile));
  return of(new Set(beside.map((each) => each.node.id)));
}

const plateOf = (tile: Tile): string => tile.node.job_id ?? tile.node.id;

function nearest(tiles: readonly Tile[], from: Tile): string | null {
  let best: Tile | null = null;
  for (const each of tiles) {
    const closer = !best || Math.abs(each.y - from.y) < Math.abs(best.y - from.y);
    const beside = best && each.y === best.y && Math.abs(each.x - from.x) < Math.abs(best.x - from.x);
    if (closer || beside) best = each;
  }
  return best?.node.id ?? null;
}

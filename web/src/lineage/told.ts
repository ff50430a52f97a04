/** A node of the lineage in words, for those who hear it instead of seeing it. Pure. */

import type { LineageEdge, LineageNode } from "../api/types";
import type { Picture, Tile } from "./layout";
import { madeBy } from "./words";

/** "Subtle variation, picture 2, generation 3: a red fox". */
export function labelOf(tile: Tile, roles: readonly string[]): string {
  const { node, generation } = tile;
  const where = `generation ${generation}`;
  if (!node.visible) return `A picture that is not yours to see, ${where}`;
  if (node.deleted) return `A deleted picture, ${where}`;
  if (node.kind === "upload") return `A picture that was brought along, ${where}`;
  const which = node.index === null ? "the grid" : `picture ${node.index}`;
  return `${madeBy(node, roles)}, ${which}, ${where}: ${node.prompt ?? "no words"}`;
}

/** What stands on a node that has nothing to show; "" where it has. */
export function plateWords(node: LineageNode): string {
  if (!node.visible) return "Not yours to see";
  if (node.deleted) return "Deleted";
  if (!node.thumbnail_url) return "No picture";
  return "";
}

/** Whether there is a page of it: an image that can be seen, and no grid. */
export function opens(node: LineageNode): boolean {
  return node.kind === "image" && node.index !== null && !plateWords(node);
}

/** One line of the list: a node, and what it was made from. */
export interface Row {
  tile: Tile;
  made: string;
  from: { tile: Tile | null; id: string; role: string }[];
}

/** All nodes, generation by generation from left to right. */
export function rowsOf(picture: Picture, edges: readonly LineageEdge[]): Row[] {
  const parents = new Map<string, LineageEdge[]>();
  for (const edge of edges) {
    if (edge.role === "mask") continue;
    const list = parents.get(edge.child) ?? [];
    if (!list.some((each) => each.parent === edge.parent)) list.push(edge);
    parents.set(edge.child, list);
  }
  const tiles = [...picture.tiles.values()].sort((a, b) => a.generation - b.generation || a.x - b.x);
  return tiles.map((tile) => {
    const own = parents.get(tile.node.id) ?? [];
    return {
      tile,
      made: madeBy(
        tile.node,
        own.map((each) => each.role),
      ),
      from: own.map((each) => ({
        tile: picture.tiles.get(each.parent) ?? null,
        id: each.parent,
        role: each.role,
      })),
    };
  });
}

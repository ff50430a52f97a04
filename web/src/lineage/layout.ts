/** Where everything of a lineage is drawn: generations downwards, the images of a job side by side, edges from a parent to
the job that was made of it. Pure and deterministic: the same graph is the same picture. Knows no page. */

import type { LineageEdge, LineageNode } from "../api/types";
import { order, spread, type Layered } from "./order";

export type Node = Omit<LineageNode, "created_at"> & { created_at: string };

/** A tile: an image or an upload. */
export interface Tile {
  node: Node;
  x: number;
  y: number;
  /** 1 for what was made of nothing else. */
  generation: number;
}

/** The images of one job that belong to the graph, or one upload; `label` is what lies on the edges into it. */
export interface Plate {
  key: string;
  x: number;
  y: number;
  width: number;
  height: number;
  generation: number;
  nodes: Node[];
  roles: string[];
  label: { x: number; y: number; width: number; text: string } | null;
}

export interface Line {
  from: string;
  to: string;
  role: string;
  /** The `d` of an SVG path. */
  path: string;
  /** Its points, one above the other. */
  points: { x: number; y: number }[];
  box: { x: number; y: number; width: number; height: number };
}

export interface Picture {
  width: number;
  height: number;
  tiles: Map<string, Tile>;
  plates: Plate[];
  lines: Line[];
}

export const TILE = 84;
export const GAP = 6; // between the tiles of a plate, and around them
const ACROSS = 22; // between plates
const DOWN = 92; // between generations: room for edges and for what is said on them
export const LABEL = 24; // height of what is said on an edge
const LABEL_ABOVE = 12; // between it and its plate
const LETTER = 7.7; // px of an average letter of a label; labels end with … where that is too little
const LABEL_PAD = 20;
const LABEL_MOST = 4 * TILE;
const MARGIN = 24;
const PASSAGE = 10; // the room of an edge that passes a generation
const PASSAGES_MAX = 2_000; // beyond it edges go straight: graphs of that kind are no picture any more

interface Unit {
  key: string;
  nodes: Node[];
  parents: Set<string>;
  edges: Map<string, string>; // parent node -> role
  layer: number;
}

/** Lays a graph out. `words` names what made a plate, of its action and the roles of its parents. */
export function layOut(
  nodes: readonly Node[],
  edges: readonly LineageEdge[],
  words: (node: Node, roles: string[]) => string,
): Picture {
  const units = unitsOf(nodes, edges);
  setLayers(units);
  const { layered, ends, trails } = layersOf(units, words);
  order(layered);
  const centres = spread(layered, ACROSS);
  return drawn(units, layered, centres, ends, trails, words);
}

/** The plates before they have places, in an order that never depends on how the answer was sorted. */
function unitsOf(nodes: readonly Node[], edges: readonly LineageEdge[]): Map<string, Unit> {
  const units = new Map<string, Unit>();
  const unitOf = new Map<string, string>();
  for (const node of [...nodes].sort(byAge)) {
    const key = node.job_id ?? node.id;
    const unit: Unit = units.get(key) ?? { key, nodes: [], parents: new Set(), edges: new Map(), layer: 0 };
    unit.nodes.push(node);
    units.set(key, unit);
    unitOf.set(node.id, key);
  }
  for (const unit of units.values())
    unit.nodes.sort((a, b) => (a.index ?? 0) - (b.index ?? 0) || byAge(a, b));
  const known = edges.filter((each) => each.role !== "mask");
  for (const edge of [...known].sort((a, b) => compare(a.parent, b.parent) || compare(a.role, b.role))) {
    const [child, parent] = [unitOf.get(edge.child), unitOf.get(edge.parent)];
    if (!child || !parent || child === parent) continue;
    const unit = units.get(child)!;
    unit.parents.add(parent);
    if (!unit.edges.has(edge.parent)) unit.edges.set(edge.parent, edge.role);
  }
  return units;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byAge = (a: Node, b: Node): number => compare(a.created_at, b.created_at) || compare(a.id, b.id);

/** The longest way from a root, so that every edge goes down. A circle, which no honest answer has, is cut where it is met. */
function setLayers(units: Map<string, Unit>): void {
  const state = new Map<string, "open" | "done">();
  for (const start of units.keys()) {
    const stack = [start];
    while (stack.length) {
      const key = stack[stack.length - 1]!;
      const unit = units.get(key)!;
      if (state.get(key) === "done") {
        stack.pop();
        continue;
      }
      state.set(key, "open");
      const waiting: string[] = [];
      for (const parent of unit.parents) {
        if (state.get(parent) === "open") cut(unit, parent, units);
        else if (state.get(parent) !== "done") waiting.push(parent);
      }
      if (waiting.length) stack.push(waiting[0]!);
      else {
        unit.layer = Math.max(-1, ...[...unit.parents].map((each) => units.get(each)!.layer)) + 1;
        state.set(key, "done");
        stack.pop();
      }
    }
  }
  lowerRoots(units);
}

function cut(unit: Unit, parent: string, units: Map<string, Unit>): void {
  unit.parents.delete(parent);
  for (const node of units.get(parent)!.nodes) unit.edges.delete(node.id);
}

/** What nothing was made into stays at the top; a picture brought along lies just above what it went into. */
function lowerRoots(units: Map<string, Unit>): void {
  const lowest = new Map<string, number>();
  for (const unit of units.values())
    for (const parent of unit.parents)
      lowest.set(parent, Math.min(lowest.get(parent) ?? Infinity, unit.layer - 1));
  for (const unit of units.values())
    if (unit.parents.size === 0) unit.layer = Math.max(unit.layer, lowest.get(unit.key) ?? unit.layer);
}

interface Layers {
  layered: Layered;
  /** The item of a unit. */
  ends: Map<string, number>;
  /** From a parent node to a layer: the passage of its edges there. */
  trails: Map<string, number[]>;
}

/** Items in layers: plates, and passages where an edge goes past a generation; edges of one parent share theirs. */
function layersOf(units: Map<string, Unit>, words: (node: Node, roles: string[]) => string): Layers {
  const layered: Layered = { layers: [], widths: [], up: [], down: [] };
  const add = (layer: number, width: number): number => {
    const item = layered.widths.push(width) - 1;
    layered.up.push([]);
    layered.down.push([]);
    (layered.layers[layer] ??= []).push(item);
    return item;
  };
  const join = (parent: number, child: number): void => {
    if (!layered.down[parent]!.includes(child)) {
      layered.down[parent]!.push(child);
      layered.up[child]!.push(parent);
    }
  };
  const ends = new Map<string, number>();
  const ownerOf = new Map<string, Unit>();
  for (const unit of units.values()) {
    ends.set(unit.key, add(unit.layer, Math.max(widthOf(unit), labelOf(unit, words)?.width ?? 0)));
    for (const node of unit.nodes) ownerOf.set(node.id, unit);
  }
  const trails = new Map<string, number[]>();
  let passages = 0;
  for (const unit of units.values()) {
    for (const parent of unit.edges.keys()) {
      const owner = ownerOf.get(parent)!;
      const trail = trails.get(parent) ?? [];
      trails.set(parent, trail);
      let above = ends.get(owner.key)!;
      for (let layer = owner.layer + 1; layer < unit.layer && passages < PASSAGES_MAX; layer++) {
        const at = layer - owner.layer - 1;
        if (trail[at] === undefined) {
          trail[at] = add(layer, PASSAGE);
          passages += 1;
        }
        join(above, trail[at]!);
        above = trail[at]!;
      }
      join(above, ends.get(unit.key)!);
    }
  }
  for (let layer = 0; layer < layered.layers.length; layer++) layered.layers[layer] ??= [];
  return { layered, ends, trails };
}

const widthOf = (unit: Unit): number => unit.nodes.length * (TILE + GAP) + GAP;
const HIGH = TILE + 2 * GAP;

function labelOf(unit: Unit, words: (node: Node, roles: string[]) => string) {
  if (unit.edges.size === 0) return null;
  const text = words(unit.nodes[0]!, [...new Set(unit.edges.values())]);
  return { text, width: Math.min(LABEL_MOST, Math.ceil(text.length * LETTER) + LABEL_PAD) };
}

function drawn(
  units: Map<string, Unit>,
  layered: Layered,
  centres: number[],
  ends: Map<string, number>,
  trails: Map<string, number[]>,
  words: (node: Node, roles: string[]) => string,
): Picture {
  const lefts = centres.map((centre, item) => centre - layered.widths[item]! / 2);
  const left = Math.min(...lefts) - MARGIN;
  const right = Math.max(...lefts.map((each, item) => each + layered.widths[item]!)) + MARGIN;
  const rowAt = (layer: number): number => MARGIN + layer * (HIGH + DOWN);
  const tiles = new Map<string, Tile>();
  const plates: Plate[] = [];
  for (const unit of units.values()) {
    const [centre, y, width] = [centres[ends.get(unit.key)!]! - left, rowAt(unit.layer), widthOf(unit)];
    const x = centre - width / 2;
    const found = labelOf(unit, words);
    const label = found && { ...found, x: centre - found.width / 2, y: y - LABEL_ABOVE - LABEL };
    const roles = [...new Set(unit.edges.values())];
    const generation = unit.layer + 1;
    plates.push({ key: unit.key, x, y, width, height: HIGH, generation, nodes: unit.nodes, roles, label });
    unit.nodes.forEach((node, index) => {
      tiles.set(node.id, { node, x: x + GAP + index * (TILE + GAP), y: y + GAP, generation });
    });
  }
  const lines: Line[] = [];
  for (const unit of units.values()) {
    const end = { x: centres[ends.get(unit.key)!]! - left, y: rowAt(unit.layer) - LABEL_ABOVE - LABEL };
    for (const [parent, role] of unit.edges) {
      const tile = tiles.get(parent)!;
      const points = [{ x: tile.x + TILE / 2, y: tile.y + TILE + GAP }];
      const trail = trails.get(parent) ?? [];
      for (let layer = tile.generation; layer < unit.layer; layer++) {
        const passage = trail[layer - tile.generation];
        if (passage === undefined) break;
        const x = centres[passage]! - left;
        points.push({ x, y: rowAt(layer) - LABEL_ABOVE - LABEL }, { x, y: rowAt(layer) + HIGH });
      }
      points.push(end);
      const path = pathOf([...points, { x: end.x, y: rowAt(unit.layer) }]); // behind the label, on to the plate
      lines.push({ from: parent, to: unit.key, role, points, path, box: boxOf(points) });
    }
  }
  const height = layered.layers.length ? rowAt(layered.layers.length - 1) + HIGH + MARGIN : 0;
  return { width: Number.isFinite(left) ? right - left : 0, height, tiles, plates, lines };
}

function boxOf(points: readonly { x: number; y: number }[]): Line["box"] {
  const [xs, ys] = [points.map((each) => each.x), points.map((each) => each.y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** A line that leaves and arrives straight down; between the rows it curves, past a row it runs straight. */
function pathOf(points: readonly { x: number; y: number }[]): string {
  const round = (number: number): number => Math.round(number * 10) / 10;
  const [first, ...rest] = points;
  let path = `M${round(first!.x)} ${round(first!.y)}`;
  let before = first!;
  for (const point of rest) {
    const half = round((before.y + point.y) / 2);
    path +=
      before.x === point.x
        ? `V${round(point.y)}`
        : `C${round(before.x)} ${half} ${round(point.x)} ${half} ${round(point.x)} ${round(point.y)}`;
    before = point;
  }
  return path;
}

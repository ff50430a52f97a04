import { describe, expect, it } from "vitest";
import type { LineageEdge } from "../api/types";
import { GAP, LABEL, layOut, TILE, type Node, type Picture } from "./layout";
import { crossings, order, type Layered } from "./order";
import { step } from "./walk";

const words = (node: Node): string => node.action ?? "";
let made = 0;

function node(job: string, index = 1, extra: Partial<Node> = {}): Node {
  made += 1;
  return {
    id: `${job}.${index}`,
    kind: "image",
    job_id: job,
    index,
    action: "vary_subtle",
    prompt: "a fox",
    visible: true,
    deleted: false,
    thumbnail_url: null,
    created_at: String(made).padStart(6, "0"),
    ...extra,
  };
}
const grid = (job: string): Node[] => [1, 2, 3, 4].map((index) => node(job, index));
const edge = (child: string, parent: string, role: LineageEdge["role"] = "init"): LineageEdge => ({
  child,
  parent,
  kind: "image",
  role,
  weight: 1,
});
const into = (job: string, parent: string, role?: LineageEdge["role"]): LineageEdge[] =>
  [1, 2, 3, 4].map((index) => edge(`${job}.${index}`, parent, role));

/** A large family that never looks regular, from a fixed seed. */
function family(jobs: number): { nodes: Node[]; edges: LineageEdge[] } {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const nodes: Node[] = [];
  const edges: LineageEdge[] = [];
  for (let job = 0; job < jobs; job++) {
    nodes.push(...grid(`j${job}`));
    if (job === 0) continue;
    edges.push(...into(`j${job}`, `j${random(job)}.${1 + random(4)}`));
    if (job % 5 === 0) edges.push(...into(`j${job}`, `j${random(job)}.${1 + random(4)}`, "style"));
  }
  return { nodes, edges };
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
const apart = (a: Box, b: Box): boolean =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
const boxes = (picture: Picture): Box[] =>
  picture.plates.flatMap((each) => (each.label ? [each, { ...each.label, height: LABEL }] : [each]));

function overlaps(all: readonly Box[]): number {
  let found = 0;
  all.forEach((a, at) => all.slice(at + 1).forEach((b) => (found += apart(a, b) ? 0 : 1)));
  return found;
}

describe("layOut", () => {
  it("puts the images of a job side by side and children below", () => {
    const picture = layOut([...grid("a"), ...grid("b")], into("b", "a.3"), words);
    const [a1, a4, b1] = ["a.1", "a.4", "b.1"].map((id) => picture.tiles.get(id)!);
    expect(a4!.y).toBe(a1!.y);
    expect(a4!.x - a1!.x).toBe(3 * (TILE + GAP));
    expect(b1!.y).toBeGreaterThan(a1!.y + TILE);
    expect([a1!.generation, b1!.generation]).toEqual([1, 2]);
    expect(picture.lines).toHaveLength(1); // one for the job, and not one for each of its images
    expect(picture.plates.find((each) => each.key === "b")!.label!.text).toBe("vary_subtle");
    expect(picture.plates.find((each) => each.key === "a")!.label).toBeNull();
  });

  it("puts a node under the last of its parents, and an upload just above what it went into", () => {
    const upload = node("", 1, { id: "u", kind: "upload", job_id: null, action: null });
    const nodes = [upload, ...grid("a"), ...grid("b"), ...grid("c")];
    const edges = [
      ...into("b", "a.1"),
      ...into("c", "b.1"),
      ...into("c", "a.2", "blend"),
      ...into("c", "u", "style"),
    ];
    const picture = layOut(nodes, edges, words);
    expect(picture.tiles.get("c.1")!.generation).toBe(3);
    expect(picture.tiles.get("u")!.generation).toBe(2);
  });

  it("lets nothing overlap and every edge go down, in a large family", () => {
    const { nodes, edges } = family(125);
    const picture = layOut(nodes, edges, words);
    expect(picture.tiles.size).toBe(500);
    expect(overlaps(boxes(picture))).toBe(0);
    for (const line of picture.lines)
      line.points.forEach((point, at) => at && expect(point.y).toBeGreaterThan(line.points[at - 1]!.y));
    for (const box of boxes(picture)) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(picture.width);
      expect(box.y + box.height).toBeLessThanOrEqual(picture.height);
    }
  });

  it("leads edges past other plates and never through them", () => {
    const { nodes, edges } = family(125);
    const picture = layOut(nodes, edges, words);
    const past = picture.lines.filter((each) => each.points.length > 2);
    expect(past.length).toBeGreaterThan(5);
    for (const line of past) {
      for (let at = 1; at + 1 < line.points.length; at += 2) {
        const [from, to] = [line.points[at]!, line.points[at + 1]!];
        const straight = { x: from.x, y: from.y, width: 0.1, height: to.y - from.y };
        expect(boxes(picture).filter((each) => !apart(each, straight))).toEqual([]);
      }
    }
  });

  it("is the same picture however the answer was sorted", () => {
    const { nodes, edges } = family(30);
    const one = layOut(nodes, edges, words);
    const other = layOut([...nodes].reverse(), [...edges].reverse(), words);
    expect(other.lines.map((each) => each.path).sort()).toEqual(one.lines.map((each) => each.path).sort());
    expect(new Map([...other.tiles].map(([id, { x, y }]) => [id, [x, y]]))).toEqual(
      new Map([...one.tiles].map(([id, { x, y }]) => [id, [x, y]])),
    );
  });

  it("survives circles, edges to what is not there, masks, and nothing at all", () => {
    const circle = [edge("a.1", "b.1"), edge("b.1", "a.1"), edge("a.1", "missing"), edge("a.1", "m", "mask")];
    const picture = layOut([node("a"), node("b"), node("m", 1, { id: "m", job_id: null })], circle, words);
    expect(picture.tiles.size).toBe(3);
    expect(picture.lines).toHaveLength(1);
    expect(layOut([], [], words)).toMatchObject({ width: 0, height: 0, lines: [] });
  });

  it("centres a parent over its children", () => {
    const picture = layOut(
      [node("a"), ...grid("b"), ...grid("c")],
      [...into("b", "a.1"), ...into("c", "a.1")],
      words,
    );
    const middle = (key: string): number => {
      const plate = picture.plates.find((each) => each.key === key)!;
      return plate.x + plate.width / 2;
    };
    expect(middle("a")).toBeCloseTo((middle("b") + middle("c")) / 2, 6);
  });
});

describe("order", () => {
  it("uncrosses what can be uncrossed", () => {
    const layered: Layered = {
      layers: [
        [0, 1, 2],
        [3, 4, 5],
      ],
      widths: [1, 1, 1, 1, 1, 1],
      up: [[], [], [], [2], [1], [0]],
      down: [[5], [4], [3], [], [], []],
    };
    expect(crossings(layered, [0, 1, 2, 0, 1, 2])).toBe(3);
    order(layered);
    const at: number[] = [];
    layered.layers.forEach((layer) => layer.forEach((item, place) => (at[item] = place)));
    expect(crossings(layered, at)).toBe(0);
  });
});

describe("step", () => {
  const picture = layOut(
    [...grid("a"), ...grid("b"), ...grid("c")],
    [...into("b", "a.1"), ...into("c", "a.4")],
    words,
  );
  it("goes up to the parent and down to the nearest child", () => {
    expect(step(picture, "b.3", "up")).toBe("a.1");
    expect(step(picture, "a.4", "down")).toMatch(/^c\./);
    expect(step(picture, "a.1", "up")).toBeNull();
    expect(step(picture, "c.2", "down")).toBeNull();
  });
  it("finds a way down beside a node that has no children of its own", () => {
    expect(step(picture, "a.2", "down")).toMatch(/^[bc]\./);
  });
  it("walks along a generation and to its ends", () => {
    expect(step(picture, "a.1", "right")).toBe("a.2");
    expect(step(picture, "a.1", "left")).toBeNull();
    const last = step(picture, "b.1", "last")!;
    expect(step(picture, last, "right")).toBeNull();
    expect(step(picture, last, "first")).not.toBe(last);
  });
  it("comes to every node from every other", () => {
    const seen = new Set(["a.1"]);
    for (const id of seen)
      for (const way of ["up", "down", "left", "right"] as const) {
        const to = step(picture, id, way);
        if (to) seen.add(to);
      }
    expect(seen.size).toBe(12);
  });
});

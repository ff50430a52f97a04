import { describe, expect, it } from "vitest";
import type { LineageEdge, LineageNode } from "../api/types";
import { merged, withoutMasks } from "./graph.svelte";
import { layOut } from "./layout";
import { labelOf, plateWords, rowsOf } from "./told";

const node = (id: string, extra: Partial<LineageNode> = {}): LineageNode => ({
  id,
  kind: "image",
  job_id: `job-${id}`,
  index: 2,
  action: "vary_subtle",
  prompt: "a fox",
  visible: true,
  deleted: false,
  thumbnail_url: "x",
  created_at: id,
  ...extra,
});
const edge = (child: string, parent: string, role = "init"): LineageEdge =>
  ({ child, parent, role }) as LineageEdge;
const tile = (extra: Partial<LineageNode> = {}) => ({ node: node("a", extra), x: 0, y: 0, generation: 3 });

describe("labelOf", () => {
  it("says action, prompt and generation", () => {
    expect(labelOf(tile(), ["init"])).toBe("Subtle variation, picture 2, generation 3: a fox");
    expect(labelOf(tile({ index: null }), [])).toContain("the grid");
  });
  it("tells nothing of what one may not see", () => {
    expect(labelOf(tile({ visible: false, prompt: "secret" }), [])).toBe(
      "A picture that is not yours to see, generation 3",
    );
    expect(plateWords(node("a", { visible: false }))).toBe("Not yours to see");
    expect(plateWords(node("a", { deleted: true }))).toBe("Deleted");
    expect(plateWords(node("a"))).toBe("");
  });
});

describe("rowsOf", () => {
  it("lists each node with what it was made from, on this page or not", () => {
    const edges = [edge("b", "a"), edge("b", "a", "style"), edge("b", "elsewhere"), edge("b", "m", "mask")];
    const rows = rowsOf(
      layOut([node("b"), node("a", { action: "imagine" })], edges, () => ""),
      edges,
    );
    expect(rows.map((each) => each.tile.node.id)).toEqual(["a", "b"]);
    expect(rows[0]!.from).toEqual([]);
    expect(rows[1]!.from.map((each) => [each.id, each.tile?.node.id ?? null])).toEqual([
      ["a", "a"],
      ["elsewhere", null],
    ]);
  });
});

it("merged pages have each node once", () => {
  expect(
    merged([node("a")], [node("b"), node("a", { prompt: "late" })]).map((each) => [each.id, each.prompt]),
  ).toEqual([
    ["a", "a fox"],
    ["b", "a fox"],
  ]);
});

it("masks are left out, unless they were used as a picture, too", () => {
  const nodes = [node("i"), node("m", { kind: "upload" }), node("both", { kind: "upload" })];
  const edges = [edge("i", "m", "mask"), edge("i", "both", "mask"), edge("i", "both", "style")];
  expect(withoutMasks(nodes, edges).map((each) => each.id)).toEqual(["i", "both"]);
});

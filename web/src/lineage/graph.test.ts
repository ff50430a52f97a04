/** The graph grows while one looks: nothing that was read is lost, nothing that is new is missed. */

import { afterEach, expect, it, vi } from "vitest";
import { api } from "../api/client";
import type { Job, LineageEdge, LineageNode } from "../api/types";
import { Graph, grownBy } from "./graph.svelte";

const node = (id: string, job = `job-${id}`): LineageNode =>
  ({ id, kind: "image", job_id: job, index: 1, action: "reroll", created_at: id }) as LineageNode;
const edge = (child: string, parent: string): LineageEdge =>
  ({ child, parent, kind: "image", role: "init", weight: 1 }) as LineageEdge;

type Page = { nodes: LineageNode[]; edges: LineageEdge[]; next_cursor: string | null };
function answering(page: (cursor: string | undefined) => Page) {
  return vi
    .spyOn(api, "get")
    .mockImplementation((async (path: string, asked: any) =>
      path.endsWith("/lineage") ? page(asked.query.cursor) : { ...node("self"), files: {} }) as never);
}
const ids = (graph: Graph): string[] => graph.nodes.map((each) => each.id);

afterEach(() => vi.restoreAllMocks());

it("what further pages brought stays when the first is asked for again", async () => {
  let grown: LineageNode[] = [];
  answering((cursor) =>
    cursor
      ? { nodes: [node("b")], edges: [edge("b", "self")], next_cursor: "later" }
      : { nodes: [node("a"), ...grown], edges: [edge("a", "self")], next_cursor: "more" },
  );
  const graph = new Graph("self");
  await graph.load();
  await graph.more();
  grown = [node("new")];
  await graph.load();
  expect(ids(graph)).toEqual(["self", "a", "new", "b"]);
  expect(graph.edges).toHaveLength(2);
  expect(graph.next).toBe("later");
});

it("of one page, what is gone is gone", async () => {
  let nodes = [node("a"), node("b")];
  answering(() => ({ nodes, edges: [], next_cursor: null }));
  const graph = new Graph("self");
  await graph.load();
  nodes = [node("b")];
  await graph.load();
  expect(ids(graph)).toEqual(["self", "b"]);
});

it("what is asked for while it is being read is read once more", async () => {
  let nodes = [node("a")];
  const get = answering(() => ({ nodes, edges: [], next_cursor: null }));
  const graph = new Graph("self");
  const first = graph.load();
  await graph.load();
  void graph.load();
  nodes = [node("a"), node("b")];
  await first;
  expect(ids(graph)).toEqual(["self", "a", "b"]);
  expect(get).toHaveBeenCalledTimes(4); // two readings, each of the image and a page
});

it("is grown by completed jobs that took one of its pictures, until their pictures are in it", () => {
  const job = (
    id: string,
    from: string | null,
    state: Job["state"] = "completed",
    of: string | null = null,
  ) =>
    ({
      id,
      state,
      recipe: { inputs: from ? [{ parent_id: from }] : [], replay_of: of },
    }) as unknown as Job;
  const all = [
    job("vary", "a"),
    job("running", "a", "running"),
    job("other", "x"),
    job("words", null),
    job("again", null, "completed", "a"),
    job("known", "a"),
  ];
  expect(grownBy(all, [node("a"), node("k", "known")])).toEqual(["vary", "again"]);
});

import { expect, it } from "vitest";
import type { LineageEdge, LineageNode } from "../api/types";
import { relatives } from "./family";

const node = (id: string): LineageNode => ({ id }) as LineageNode;
const edge = (child: string, parent: string, role = "init"): LineageEdge =>
  ({ child, parent, role }) as LineageEdge;

it("relatives are one step away, each once, without masks", () => {
  const nodes = ["p", "q", "m", "far"].map(node);
  const edges = [
    edge("i", "p"),
    edge("i", "p", "style"),
    edge("i", "m", "mask"),
    edge("i", "q", "style"),
    edge("p", "far"),
  ];
  expect(relatives(nodes, edges, "i", "parent")).toEqual([
    { node: { id: "p" }, role: "init" },
    { node: { id: "q" }, role: "style" },
  ]);
  expect(relatives([node("c")], [edge("c", "i"), edge("i", "c2")], "i", "child")).toHaveLength(1);
});

/** What an image was made of and what was made of it: one step each way, out of its lineage. */

import { api } from "../api/client";
import type { LineageEdge, LineageNode } from "../api/types";

const PARENTS_MAX = 24;
const CHILDREN_MAX = 48;

export interface Relative {
  node: LineageNode;
  role: string;
}
export interface Family {
  parents: Relative[];
  children: Relative[];
  /** Whether there are more children than these. */
  more: boolean;
}

/** Asks for both. Throws `Refusal`. */
export async function familyOf(id: string, hasParents: boolean, signal: AbortSignal): Promise<Family> {
  const ask = (direction: "ancestors" | "descendants", limit: number) =>
    api.get("/api/v1/images/{image_id}/lineage", {
      path: { image_id: id },
      query: { direction, limit },
      signal,
    });
  const [above, below] = await Promise.all([
    hasParents ? ask("ancestors", PARENTS_MAX) : { nodes: [], edges: [], next_cursor: null },
    ask("descendants", CHILDREN_MAX),
  ]);
  return {
    parents: relatives(above.nodes, above.edges, id, "parent"),
    children: relatives(below.nodes, below.edges, id, "child"),
    more: below.next_cursor !== null,
  };
}

/** Those nodes that an edge joins with the image, each once. Masks show nothing. Pure. */
export function relatives(
  nodes: readonly LineageNode[],
  edges: readonly LineageEdge[],
  id: string,
  side: "parent" | "child",
): Relative[] {
  const other = side === "parent" ? "child" : "parent";
  const roles = new Map<string, string>();
  for (const edge of edges)
    if (edge[other] === id && edge.role !== "mask" && !roles.has(edge[side]))
      roles.set(edge[side], edge.role);
  return nodes.flatMap((node) => (roles.has(node.id) ? [{ node, role: roles.get(node.id)! }] : []));
}

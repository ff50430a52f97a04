/** What made an image, in a few words: its action, and the pictures that guided it. Pure. */

import type { Action, LineageNode } from "../api/types";
import { nameOf } from "../jobs/words";

const GUIDES: Record<string, string> = {
  prompt: "image prompt",
  style: "style",
  character: "character",
  omni: "thing",
};

/** What made a node: as `said`, and for uploads and what nothing is told of. */
export function madeBy(node: Pick<LineageNode, "kind" | "action">, roles: readonly string[]): string {
  if (node.kind === "upload") return "Brought along";
  return node.action ? said(node.action, roles) : "Not told";
}

/** "Subtle variation", "From words, with image prompt and style", "Replay". */
export function said(action: Action, roles: readonly string[]): string {
  const replay_of = roles.includes("replay") ? "it" : null;
  const name = nameOf({ action, recipe: { replay_of } } as unknown as Parameters<typeof nameOf>[0]);
  const guides = Object.keys(GUIDES).filter((each) => roles.includes(each));
  if (!guides.length || replay_of) return name;
  return `${name}, with ${guides.map((each) => GUIDES[each]).join(" and ")}`;
}

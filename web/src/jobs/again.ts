/** Prompts of jobs for reading and for using again, and how a job that made nothing is asked for once more. Pure. */

import { toldOf, unseeded } from "../api/prompts";
import type { ActionIn, Asked, Job } from "../api/types";

/** Parameters that name nothing but pictures. */
const OF_PICTURES = /--(?:sref|cref|oref)(?:\s+(?:upload:|https?:\/\/)\S+)+\s*/g;
const ANY_SEED = /(?:^|\s)--seed\s/;

/** The words of a prompt, and its parameters apart, to be read: pictures that it names are shown as pictures. */
export function apart(prompt: string): { words: string; parameters: string } {
  const { words, parameters } = toldOf(prompt);
  return { words, parameters: parameters.join(" ").replace(OF_PICTURES, "").trim() };
}

/** A job's prompt as somebody would type it: without the seed that was drawn for it. An action's text is never typed. */
export function usable(job: Pick<Job, "prompt" | "source" | "action">): string {
  if (job.action === "imagine" && ANY_SEED.test(job.source)) return job.prompt;
  return unseeded(job.prompt);
}

export type Again =
  | { kind: "prompt"; prompt: string }
  | { kind: "action"; image: string; body: Omit<ActionIn, "dry_run"> }
  | { kind: "look"; image: string };

/** Actions that need nothing but their image and what the recipe says. */
const REPEATABLE: ReadonlySet<string> = new Set([
  "vary_subtle",
  "vary_strong",
  "upscale_subtle",
  "upscale_creative",
  "enhance",
  "hd",
  "reroll",
]);

/** How to ask for a job once more; a look at its image where the action needs a mask, a side or new words. */
export function again(job: Pick<Job, "prompt" | "source" | "action" | "recipe">): Again {
  const replayed = job.recipe.replay_of;
  if (replayed) return { kind: "action", image: replayed, body: { action: "replay" } };
  if (job.action === "imagine") return { kind: "prompt", prompt: usable(job) };
  const from = job.recipe.inputs.find(
    (each) => each.kind === "image" && (each.role === "init" || each.role === "source"),
  );
  if (!from) return { kind: "prompt", prompt: usable(job) };
  if (!REPEATABLE.has(job.action)) return { kind: "look", image: from.parent_id };
  const scale = job.recipe.scale ? { scale: job.recipe.scale } : {};
  return { kind: "action", image: from.parent_id, body: { action: job.action as Asked, ...scale } };
}

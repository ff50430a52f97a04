/** What can be done with a job from its card, by button and by key alike. Refusals are said here. */

import { Refusal } from "../api/client";
import type { Asked, Image, Job } from "../api/types";
import { draft } from "../create/draft.svelte";
import { trash } from "../library/keeping";
import { siblings } from "../lightbox/siblings.svelte";
import { gpuTime } from "../parts/amounts";
import { go } from "../shell/router.svelte";
import { say, sayRefusal } from "../shell/toasts.svelte";
import { act, type Wanted } from "./act";
import { again, usable } from "./again";
import { jobs } from "./jobs.svelte";
import { submit } from "./outbox.svelte";
import { shapeOf, type Shape } from "./shape";

/** Cards come up at the top: whoever looks there needs no sentence. */
const IN_SIGHT_PX = 400;

/** Asks for an action on an image of the feed. */
export function actOn(image: Image, body: Wanted, shape: Shape): void {
  const quiet = location.pathname === "/" && scrollY < IN_SIGHT_PX;
  act(image.id, body, { shape, quiet }).catch(said);
}

export const actWith = (job: Job) => (image: Image, action: Asked) => actOn(image, { action }, shapeOf(job));

/** Four more with the same words. */
export function reroll(job: Job): void {
  const image = job.images[0];
  if (image) actOn(image, { action: "reroll" }, shapeOf(job));
  else tryAgain(job);
}

export const usePrompt = (job: Job): void => draft.use(usable(job));

/** Asks for a job once more that made nothing. */
export function tryAgain(job: Job): void {
  const once = again(job);
  if (once.kind === "prompt") submit(once.prompt, { lane: job.lane, shape: shapeOf(job) }).catch(sayRefusal);
  else if (once.kind === "look") go(`/images/${once.image}`);
  else act(once.image, { ...once.body, lane: job.lane }, { shape: shapeOf(job), quiet: true }).catch(said);
}

export async function cancel(job: Job): Promise<void> {
  try {
    await jobs.cancel(job.id);
    const now = jobs.get(job.id)?.job;
    if (now?.state !== "cancelled") {
      if (now?.cancel_requested) say("Stopping. It ends within a step.");
      return;
    }
    const cost = now.charged_gpu_ms ? `${gpuTime(now.charged_gpu_ms)} were charged.` : "Nothing was charged.";
    say(`Cancelled. ${cost}`, { action: { words: "Draw it after all", run: () => tryAgain(job) } });
  } catch (error) {
    sayRefusal(error);
  }
}

export const discard = (images: readonly Image[]): void => {
  if (images.length) void trash(images.map((each) => each.id));
};

/** Left and right walk through the pictures of the job. */
export function walkThrough(job: Job): void {
  siblings.set(job.images.map((each) => each.id));
}

export function open(job: Job, image: Image): void {
  walkThrough(job);
  go(`/images/${image.id}`);
}

/** `act` has said it already. */
function said(error: unknown): void {
  if (!(error instanceof Refusal) && !(error instanceof DOMException)) throw error;
}

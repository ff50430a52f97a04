/** Jobs in words: what is done, how it stands, why it waits, and what became of it. */

import type { Action, Asked, Job } from "../api/types";
import { count, gpuTime, wait } from "../parts/amounts";
import type { Cause } from "./life";
import { sentenceFor } from "../api/sentences";

const DOING: Record<Asked | "imagine" | "blend", string> = {
  imagine: "Drawing",
  blend: "Blending",
  vary_subtle: "Varying a little",
  vary_strong: "Varying a lot",
  vary_region: "Drawing the region anew",
  zoom_out: "Zooming out",
  pan: "Going on to the side",
  make_square: "Making it square",
  remix: "Drawing with new words",
  reroll: "Rerolling",
  upscale_subtle: "Upscaling",
  upscale_creative: "Upscaling with new detail",
  enhance: "Finishing the draft",
  hd: "Drawing it large",
  replay: "Drawing it once more",
};

const DONE: Record<Action, string> = {
  imagine: "From words",
  blend: "Blend",
  vary_subtle: "Subtle variation",
  vary_strong: "Strong variation",
  vary_region: "Region drawn anew",
  zoom_out: "Zoomed out",
  pan: "Panned",
  remix: "Remix",
  reroll: "Reroll",
  upscale_subtle: "Upscale, faithful",
  upscale_creative: "Upscale, creative",
  enhance: "Finished draft",
  hd: "Large version",
};

const ONE_IMAGE: ReadonlySet<string> = new Set([
  "upscale_subtle",
  "upscale_creative",
  "enhance",
  "hd",
  "replay",
]);

/** An action while it is asked for: "Varying a little". */
export const doing = (action: Asked | Action): string => DOING[action as Asked] ?? "Drawing";

/** What a job is: "Subtle variation". */
export const nameOf = (job: Pick<Job, "action" | "recipe">): string =>
  job.recipe.replay_of ? "Replay" : DONE[job.action];

/** How many pictures an action makes. */
export const imagesOf = (action: Asked): number => (ONE_IMAGE.has(action) ? 1 : 4);

/** Where a queued job stands: "3 jobs ahead, about 12 s". */
export function place(job: Pick<Job, "state" | "position" | "wait_s">): string {
  if (job.state === "waiting") {
    if (job.position === null) return "Waiting for one of your own jobs to end";
    if (job.position === 0) return "Next of yours: it starts to queue when one of your jobs ends";
    return `${count(job.position, "job")} of yours before it`;
  }
  const about = job.wait_s === null ? "" : job.wait_s < 1 ? ", starts now" : `, about ${wait(job.wait_s)}`;
  if (job.position === null) return `In the queue${about}`;
  if (job.position === 0) return `Next in line${about}`;
  return `${count(job.position, "job")} ahead${about}`;
}

const SETBACKS: Partial<Record<Cause, string>> = {
  worker_lost: "Delayed: the machine that drew it is gone. It goes on elsewhere, and costs no more.",
  worker_failed: "Delayed: the machine that drew it had a fault. It is drawn on another one.",
  job_failed: "Delayed: the first try did not work. It is tried once more.",
  worker_drained:
    "Delayed: its machine is being taken out of service. It goes on elsewhere from where it was.",
  image_rejected: "One of its pictures was not fit to be shown. It is drawn again with another seed.",
};

/** Why a job that had been drawn waits again. It is no error. */
export const setbackWords = (cause: Cause): string => SETBACKS[cause] ?? "Delayed. It goes on by itself.";

const CAUSES: Record<Cause, string> = {
  submitted: "Submitted",
  slot_free: "One of your places became free: in the queue",
  claimed: "A machine began to draw it",
  pixels_made: "Drawn; the files are being written",
  published: "Finished",
  worker_lost: "The machine that drew it was lost",
  worker_failed: "The machine that drew it had a fault",
  job_failed: "The try did not work",
  worker_drained: "Its machine was taken out of service",
  image_rejected: "The pictures were not fit to be shown",
  cancelled_by_user: "Cancelled",
  cancelled_by_operator: "Cancelled by an operator",
  out_of_attempts: "Given up after several tries",
};

/** One line of a job's history. */
export const causeWords = (cause: Cause): string => CAUSES[cause];

/** What became of a job that made nothing, and what to do about it. */
export function endWords(job: Pick<Job, "state" | "error" | "charged_gpu_ms">): {
  text: string;
  hint: string;
} {
  const code = job.error?.code ?? job.state;
  const own = sentenceFor(code) ?? sentenceFor(`job_${job.state}`);
  const charged = job.charged_gpu_ms
    ? `${gpuTime(job.charged_gpu_ms)} of GPU time were charged.`
    : "Nothing was charged.";
  if (job.state === "cancelled") return { text: `Cancelled. ${charged}`, hint: own?.hint ?? "" };
  return { text: own?.text || job.error?.message || "It ended without a picture.", hint: own?.hint ?? "" };
}

/** What a cancel means right now. */
export function cancelWords(job: Pick<Job, "state">): string {
  if (job.state === "waiting" || job.state === "ready") return "Cancel, free of charge";
  return "Stop. What was drawn so far is charged";
}

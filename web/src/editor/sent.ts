/** What follows when an edit was asked for: its job in sight, or a sentence why not. */

import { Refusal } from "../api/client";
import type { Job } from "../api/types";
import { go } from "../shell/router.svelte";
import { say } from "../shell/toasts.svelte";

/** Goes to the job, unless somebody went elsewhere meanwhile. What was refused has been said by then. */
export async function ended(asked: Promise<Job[]>): Promise<void> {
  const from = location.pathname;
  try {
    const [job] = await asked;
    if (job && location.pathname === from) go(`/jobs/${job.id}`);
  } catch (error) {
    const takenBack = error instanceof DOMException && error.name === "AbortError";
    if (!(error instanceof Refusal) && !takenBack) throw error;
  }
}

/** The region could not be brought to the service. */
export function notSent(error: Refusal): void {
  say(error.message, {
    kind: "bad",
    hint: error.code === "offline" ? "Your region is kept. Try again in a moment." : error.hint,
  });
}

/** What follows when an edit was asked for: its job in sight, or a sentence why not. */

import { Refusal } from "../api/client";
import type { Job } from "../api/types";
import { made } from "../lightbox/made.svelte";
import { go } from "../shell/router.svelte";
import { say, sayRefusal } from "../shell/toasts.svelte";

/** Goes to the job, unless somebody left `from` meanwhile; the family of the image knows of it. What was refused has been
said by then. */
export async function ended(asked: Promise<Job[]>, imageId: string, from: string): Promise<void> {
  try {
    const found = await asked;
    made.add(
      imageId,
      found.map((each) => each.id),
    );
    const [job] = found;
    if (job && location.pathname === from) go(`/jobs/${job.id}`);
  } catch (error) {
    const takenBack = error instanceof DOMException && error.name === "AbortError";
    if (!(error instanceof Refusal) && !takenBack) throw error;
  }
}

/** The region could not be brought to the service. */
export function notSent(error: Refusal): void {
  if (error.code !== "offline") return sayRefusal(error);
  say("Darkroom does not answer.", { kind: "bad", hint: "Your region is kept. Try again in a moment." });
}

/** Replays: an image drawn once more from its record, and whether it came out the same. */

import { SvelteMap } from "svelte/reactivity";
import { api, Refusal } from "../api/client";
import type { Job } from "../api/types";
import { act } from "../jobs/act";
import { hasEnded } from "../jobs/life";
import { jobs } from "../jobs/jobs.svelte";
import type { Shape } from "../jobs/shape";
import { endWords } from "../jobs/words";
import { onNews } from "../live/news.svelte";
import { say, sayRefusal } from "../shell/toasts.svelte";

const LOOK_EVERY_MS = 5_000; // news come at once; this is for when they don't

export interface Replayed {
  state: "drawing" | "same" | "other" | "failed";
  words: string;
  jobId: string | null;
}

const found = new SvelteMap<string, Replayed>();

export const replays = {
  /** How the replay of an image stands; reactive, null where none was asked for. */
  of(imageId: string): Replayed | null {
    return found.get(imageId) ?? null;
  },
};

/** Draws an image once more and says whether it came out the same. Answers the job once it is accepted. */
export async function replay(imageId: string, shape: Shape): Promise<Job | null> {
  if (found.get(imageId)?.state === "drawing") return null;
  found.set(imageId, { state: "drawing", words: "Drawing it once more…", jobId: null });
  let job: Job | undefined;
  try {
    [job] = await act(imageId, { action: "replay" }, { shape });
  } catch (error) {
    found.delete(imageId);
    const takenBack = error instanceof DOMException && error.name === "AbortError";
    if (!(error instanceof Refusal) && !takenBack) throw error;
  }
  if (!job) return null;
  found.set(imageId, { state: "drawing", words: "Drawing it once more…", jobId: job.id });
  void follow(imageId, job.id);
  return job;
}

async function follow(imageId: string, jobId: string): Promise<void> {
  try {
    const job = await ended(jobId);
    const answer = job.state === "completed" ? await compare(jobId) : null;
    const how = answer ?? { state: "failed" as const, words: endWords(job).text };
    found.set(imageId, { ...how, jobId });
    say(how.words, { kind: how.state === "same" ? "good" : how.state === "failed" ? "bad" : "said" });
  } catch (error) {
    found.delete(imageId);
    sayRefusal(error);
  }
}

async function compare(jobId: string): Promise<Pick<Replayed, "state" | "words">> {
  const { same, notes } = await api.get("/api/v1/jobs/{job_id}/replay", { path: { job_id: jobId } });
  if (same) return { state: "same", words: "The replay is the same, pixel by pixel." };
  const why = notes.join(" ");
  return { state: "other", words: `The replay came out differently. ${why}`.trim() };
}

/** The job once it has ended. */
function ended(id: string): Promise<Job> {
  return new Promise((resolve, fail) => {
    const stop = (): void => {
      off();
      clearInterval(timer);
    };
    const look = (): void => {
      const job = jobs.get(id)?.job;
      if (!job || !hasEnded(job)) return;
      stop();
      resolve(job);
    };
    const refused = (error: unknown): void => {
      if (!(error instanceof Refusal) || ![401, 403, 404].includes(error.status)) return; // it may pass
      stop();
      fail(error);
    };
    const off = onNews("job", () => queueMicrotask(look));
    const timer = setInterval(() => void jobs.refresh(id).then(look, refused), LOOK_EVERY_MS);
    look();
  });
}

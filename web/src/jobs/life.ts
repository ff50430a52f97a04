/** What a job's life means for its row: pure steps from a transition to the job as it is then. Knows no request. */

import type { Job, JobState, Schemas } from "../api/types";

export type Move = Schemas["MoveOut"];
export type Cause = Move["cause"];

const ENDED: ReadonlySet<JobState> = new Set(["completed", "rejected", "failed", "cancelled"]);
const QUEUED: ReadonlySet<JobState> = new Set(["waiting", "ready"]);
/** Why a job that ran waits again: none of them is its end. */
const SETBACKS: ReadonlySet<Cause> = new Set([
  "worker_lost",
  "worker_failed",
  "job_failed",
  "worker_drained",
  "image_rejected",
]);

export const hasEnded = (job: { state: JobState }): boolean => ENDED.has(job.state);
export const isQueued = (job: { state: JobState }): boolean => QUEUED.has(job.state);
/** Whether a worker had it before. */
export const hasRun = (job: Pick<Job, "attempt" | "started_at">): boolean =>
  job.attempt > 0 || job.started_at !== null;
export const isDrawn = (job: { state: JobState }): boolean =>
  job.state === "running" || job.state === "finishing";

/** The cause of a transition back into the queue, null for any other. */
export function setbackOf(move: Pick<Move, "state" | "cause">): Cause | null {
  return move.state === "ready" && SETBACKS.has(move.cause) ? move.cause : null;
}

/** The row after a transition, as far as a transition tells. What an end leaves behind has to be asked for. */
export function moved(job: Job, move: Pick<Move, "state" | "at">): Job {
  if (hasEnded(job)) return job; // the end is final: this is old news
  return {
    ...job,
    state: move.state,
    position: null,
    wait_s: null,
    started_at: move.state === "running" ? move.at : job.started_at,
    progress: isDrawn({ state: move.state }) ? job.progress : null,
  };
}

/** How many pictures a job draws. */
export const countOf = (job: Pick<Job, "recipe">): number => job.recipe.indices.length || 4;

/** Newest first: ids grow with time. */
export const newestFirst = (a: { id: string }, b: { id: string }): number =>
  a.id < b.id ? 1 : a.id > b.id ? -1 : 0;

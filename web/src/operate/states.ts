/** States of workers and jobs in the operators' words, each with a drawing, so that no colour stands alone. */

import type { JobState, Worker } from "../api/types";
import type { IconName } from "../parts/Icon.svelte";

export type Mood = "good" | "warn" | "bad" | "dim";
export interface Told {
  words: string;
  icon: IconName;
  mood: Mood;
}

const WORKERS: Record<Worker["state"], Told> = {
  active: { words: "Takes jobs", icon: "check", mood: "good" },
  draining: { words: "Drains", icon: "arrowdown", mood: "warn" },
  quarantined: { words: "Quarantined", icon: "warning", mood: "bad" },
  gone: { words: "Gone", icon: "close", mood: "dim" },
};

const JOBS: Record<JobState, Told> = {
  waiting: { words: "Waits for a slot", icon: "clock", mood: "dim" },
  ready: { words: "Ready", icon: "clock", mood: "warn" },
  running: { words: "Being drawn", icon: "bolt", mood: "good" },
  finishing: { words: "Being delivered", icon: "download", mood: "good" },
  completed: { words: "Done", icon: "check", mood: "good" },
  rejected: { words: "Refused", icon: "hide", mood: "warn" },
  failed: { words: "Failed", icon: "warning", mood: "bad" },
  cancelled: { words: "Cancelled", icon: "close", mood: "dim" },
};

export const LIVING: JobState[] = ["waiting", "ready", "running", "finishing"];

/** How a worker is: its state, or what keeps it from jobs although it is active. */
export function workerTold({ state, health }: Pick<Worker, "state" | "health">): Told {
  if (state !== "active") return WORKERS[state];
  if (health.unseen_s > 15) return { words: "Silent", icon: "warning", mood: "bad" };
  if (health.breaker === "open") return { words: "Gets no jobs for a while", icon: "warning", mood: "warn" };
  if (health.breaker === "half_open") return { words: "On trial", icon: "warning", mood: "warn" };
  return WORKERS.active;
}

export function jobTold(state: JobState): Told {
  return JOBS[state];
}

/** Those that need somebody first, those that are gone last. */
export function inOrder(workers: readonly Worker[]): Worker[] {
  const rank = { quarantined: 0, draining: 1, active: 2, gone: 3 };
  return [...workers].sort((a, b) => rank[a.state] - rank[b.state] || a.name.localeCompare(b.name));
}

const CAUSES: Record<string, string> = {
  submitted: "sent",
  slot_free: "a slot came free",
  claimed: "taken by a worker",
  pixels_made: "drawn",
  published: "delivered",
  worker_lost: "the worker was lost",
  worker_failed: "the worker failed",
  job_failed: "drawing failed",
  worker_drained: "the worker was drained",
  image_rejected: "a picture was refused",
  cancelled_by_user: "cancelled by who sent it",
  cancelled_by_operator: "cancelled by an operator",
  out_of_attempts: "tried too often",
};

export function causeWords(cause: string): string {
  return CAUSES[cause] ?? cause.replaceAll("_", " ");
}

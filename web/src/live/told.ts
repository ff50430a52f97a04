/** What a tab and whoever holds the stream say to each other. */

import type { Job, Schemas } from "../api/types";

export interface News {
  snapshot: { jobs: Job[] };
  job: Schemas["MoveOut"];
  progress: { job_id: string; done: number; total: number };
  preview: { job_id: string; url: string };
  reset: { reason: string };
}
export type NewsKind = keyof News;
export const KINDS: readonly NewsKind[] = ["snapshot", "job", "progress", "preview", "reset"];

/** `silent`: the service answers, its stream does not. `unknown`: the service does not know who asks. */
export type LiveState = "opening" | "live" | "silent" | "away" | "unknown";

/** From the holder of the stream to the tabs. */
export type Told =
  | { kind: "news"; name: NewsKind; data: unknown; id: number | null }
  | { kind: "state"; state: LiveState }
  /** Somebody else is logged in by now. */
  | { kind: "account"; account: string }
  /** News may have passed this tab by. */
  | { kind: "missed" }
  | { kind: "ping" };

/** From a tab to the holder of the stream. */
export type Said =
  { kind: "hello"; account: string } | { kind: "bye" } | { kind: "pong" } | { kind: "retry" };

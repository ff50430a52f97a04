/** What is wrong with the service now, in words, the gravest first. Knows thresholds, asks nobody. */

import type { LaneQueue, Queue, Throughput, Worker } from "../api/types";
import { count, wait } from "../parts/amounts";
import { crew } from "./crew";

export interface Wrong {
  level: "bad" | "warn" | "note";
  words: string;
  hint: string;
  /** The part of Operate where something can be done about it. */
  to: string;
}

/** Everything that the overview knows; null is not known yet. */
export interface Seen {
  parts: Record<string, string> | null;
  queue: Queue | null;
  workers: readonly Worker[] | null;
  throughput: Throughput | null;
  letters: Some | null;
  appeals: Some | null;
  now: number;
}

/** How many there are, or at least so many. */
export interface Some {
  many: number;
  atLeast: boolean;
}

const OLD_S = 120;
const TOO_OLD_S = 600;
const RELAX_OLD_S = 1_800;
const FAILED_SHARE = 0.1;
const FAILED_LEAST = 3;
const DEEP = 20; // jobs
const HOUR_MS = 3_600_000;
const RANK = { bad: 0, warn: 1, note: 2 };
const PARTS: Record<string, [string, string]> = {
  database: [
    "The database does not answer",
    "Nothing can be accepted until it does. Look at its log and its disk.",
  ],
  objects: ["Pictures cannot be stored", "Look at the disk or the bucket: is it full, is it away?"],
  dispatcher: [
    "Nobody gives out jobs",
    "No process holds the dispatcher's lease. Jobs that were accepted wait.",
  ],
};

export function wrongs(seen: Seen): Wrong[] {
  const all = [
    ...parts(seen),
    ...crew(seen),
    ...waits(seen),
    ...depth(seen),
    ...failures(seen),
    ...people(seen),
  ];
  return all.sort((a, b) => RANK[a.level] - RANK[b.level]);
}

function parts({ parts, queue }: Seen): Wrong[] {
  const failing = Object.entries(parts ?? {})
    .filter(([, state]) => state === "failing")
    .map(([name]) => name);
  if (queue && !queue.dispatching && !failing.includes("dispatcher")) failing.push("dispatcher");
  return failing.map((name) => {
    const [words, hint] = PARTS[name] ?? [`The part ${name} does not work`, "Look at the server's log."];
    return { level: "bad", words, hint, to: "" };
  });
}

/** The lane that waits longest of those that people pay for, and relax on its own: there waiting is what one gets. */
function waits({ queue }: Seen): Wrong[] {
  const byAge = [...(queue?.lanes ?? [])].sort((a, b) => (b.oldest_ready_s ?? 0) - (a.oldest_ready_s ?? 0));
  const paid = byAge.find((each) => each.lane !== "relax");
  const relax = byAge.find((each) => each.lane === "relax");
  return [
    ...(paid ? aged(paid, OLD_S, TOO_OLD_S) : []),
    ...(relax ? aged(relax, RELAX_OLD_S, Infinity) : []),
  ];
}

function aged(lane: LaneQueue, warn_s: number, bad_s: number): Wrong[] {
  const seconds = lane.oldest_ready_s ?? 0;
  if (seconds < warn_s) return [];
  return [
    {
      level: seconds >= bad_s ? "bad" : "warn",
      words: `The oldest ready job waits ${wait(seconds)}`,
      hint: `In ${lane.lane}, with ${count(lane.ready, "job")} ready there.`,
      to: `jobs?state=ready&lane=${lane.lane}`,
    },
  ];
}

/** Many that wait although all goes on: a note, with when the queue will be empty at the pace of the last hour. */
function depth({ queue, throughput, now }: Seen): Wrong[] {
  const all = (queue?.lanes ?? []).reduce((sum, lane) => sum + lane.ready + lane.waiting, 0);
  if (all < DEEP) return [];
  const { ended } = lastHour(throughput, now);
  return [
    {
      level: "note",
      words: `${count(all, "job waits", "jobs wait")}`,
      hint: ended
        ? `At the pace of the last hour the queue is empty in about ${wait((all / ended) * 3_600)}.`
        : "None ended in the last hour, so nobody can say when the queue is empty.",
      to: "jobs?state=ready",
    },
  ];
}

function failures({ throughput, letters, now }: Seen): Wrong[] {
  const found: Wrong[] = [];
  const { failed, ended } = lastHour(throughput, now);
  if (failed >= FAILED_LEAST && failed / ended > FAILED_SHARE) {
    found.push({
      level: "bad",
      words: `${failed} of ${count(ended, "job")} failed in the last hour`,
      hint: "The dead letters say why.",
      to: "dead-letters",
    });
  }
  if (letters?.many) {
    found.push({
      level: "warn",
      words: `${some(letters, "job")} failed for good`,
      hint: "Requeue them, or drop them.",
      to: "dead-letters",
    });
  }
  return found;
}

function people({ appeals }: Seen): Wrong[] {
  if (!appeals?.many) return [];
  return [
    {
      level: "note",
      words: `${some(appeals, "appeal")} to decide`,
      hint: "Somebody waits for an answer.",
      to: "moderation",
    },
  ];
}

/** What ended within an hour of now. */
export function lastHour(
  throughput: Throughput | null,
  now: number,
): { completed: number; failed: number; ended: number; images: number } {
  const sum = { completed: 0, failed: 0, ended: 0, images: 0 };
  for (const bucket of throughput?.buckets ?? []) {
    if (Date.parse(bucket.at) + throughput!.bucket_s * 1_000 <= now - HOUR_MS) continue;
    sum.completed += bucket.completed;
    sum.failed += bucket.failed;
    sum.ended += bucket.completed + bucket.failed + bucket.rejected;
    sum.images += bucket.images;
  }
  return sum;
}

function some({ many, atLeast }: Some, one: string): string {
  return atLeast ? `More than ${count(many, one)}` : count(many, one);
}

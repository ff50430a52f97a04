/** What is wrong with the service now, in words, the gravest first. Knows thresholds, asks nobody. */

import type { LaneQueue, Queue, Throughput, Worker } from "../api/types";
import { count, wait } from "../parts/amounts";

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

const UNSEEN_S = 15; // a heartbeat comes every 5 s, and after 20 s the jobs are taken away
const OLD_S = 120;
const TOO_OLD_S = 600;
const RELAX_OLD_S = 1_800;
const FAILED_SHARE = 0.1;
const FAILED_LEAST = 3;
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
  const all = [...parts(seen), ...crew(seen), ...waits(seen), ...failures(seen), ...people(seen)];
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

function crew({ workers, queue }: Seen): Wrong[] {
  if (!workers) return [];
  const active = workers.filter((each) => each.state === "active");
  const silent = active.filter((each) => each.health.unseen_s > UNSEEN_S);
  const found: Wrong[] = [];
  if (active.length === 0) {
    const ready = queue?.lanes.reduce((sum, lane) => sum + lane.ready, 0) ?? 0;
    const others = (["draining", "quarantined"] as const)
      .map((state) => ({ state, many: workers.filter((each) => each.state === state).length }))
      .filter((each) => each.many);
    found.push({
      level: "bad",
      words: "No worker takes jobs",
      hint: [
        ready ? `${count(ready, "job is", "jobs are")} ready.` : "Nothing waits yet.",
        others.length
          ? `${others.map((each) => `${each.many} ${each.state}`).join(", ")}: readmit one.`
          : "Start a worker, or look at logs/worker-*.log.",
      ].join(" "),
      to: "workers",
    });
  }
  for (const worker of silent) {
    found.push({
      level: silent.length === active.length ? "bad" : "warn",
      words: `${worker.name} was not heard of for ${wait(worker.health.unseen_s)}`,
      hint: "After 20 s its jobs go to another worker, where there is one.",
      to: "workers",
    });
  }
  return [...found, ...broken(workers)];
}

function broken(workers: readonly Worker[]): Wrong[] {
  return workers.flatMap((worker): Wrong[] => {
    if (worker.state === "quarantined") {
      return [{ level: "warn", words: `${worker.name} is quarantined`, hint: worker.reason, to: "workers" }];
    }
    const breaker = worker.health.breaker;
    if (worker.state !== "active" || (breaker !== "open" && breaker !== "half_open")) return [];
    return [
      {
        level: "warn",
        words:
          breaker === "open"
            ? `${worker.name} gets no jobs for a while`
            : `${worker.name} is on trial with one job`,
        hint: "Too many of its jobs failed.",
        to: "workers",
      },
    ];
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

/** What is wrong with the workers, in words, and what brings them back. Asks nobody. */

import type { Worker } from "../api/types";
import { ago, count, wait } from "../parts/amounts";
import type { Seen, Wrong } from "./wrong";

const UNSEEN_S = 15; // a heartbeat comes every 5 s, and after 20 s the jobs are taken away
const RESTART_S = 90; // until it counts as gone, and a minute more
const HOUR_MS = 3_600_000;

export function crew({ workers, queue, now }: Pick<Seen, "workers" | "queue" | "now">): Wrong[] {
  if (!workers) return [];
  const active = workers.filter((each) => each.state === "active");
  const silent = active.filter((each) => each.health.unseen_s > UNSEEN_S);
  const found: Wrong[] = [];
  if (active.length === 0) {
    const ready = queue?.lanes.reduce((sum, lane) => sum + lane.ready, 0) ?? 0;
    found.push({
      level: "bad",
      words: "No worker takes jobs",
      hint: [
        ready ? `${count(ready, "job is", "jobs are")} ready.` : "Nothing waits yet.",
        cure(workers),
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
  return [...found, ...broken(workers), ...began(active, now)];
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

/** What brings jobs going again, by what keeps each worker from them. */
function cure(workers: readonly Worker[]): string {
  const held = workers.filter((each) => each.state === "draining" || each.state === "quarantined");
  if (held.length) {
    return `${held.map((each) => `${each.name} is ${each.state}`).join(", ")}: readmit one.`;
  }
  const last = [...workers].sort((a, b) => a.health.unseen_s - b.health.unseen_s)[0];
  if (!last) return "Start a worker.";
  if (last.reason) return `${last.name} left: ${last.reason}. Readmit it, then start it anew.`;
  if (last.health.unseen_s < RESTART_S) {
    return `${last.name} is gone. Where it runs beside the service, it starts again by itself within a minute.`;
  }
  return "Start a worker. Why the last one ended stands in the data folder, in logs/worker-*.log.";
}

/** Those that began within the hour: a crash that mended itself leaves no other trace. */
function began(active: readonly Worker[], now: number): Wrong[] {
  return active
    .filter((each) => now - Date.parse(each.registered_at) < HOUR_MS)
    .map((each) => ({
      level: "note",
      words: `${each.name} began ${ago(each.registered_at, now)}`,
      hint: "If nobody started it, it had ended by itself: its log in the data folder, under logs/, says why.",
      to: "workers",
    }));
}

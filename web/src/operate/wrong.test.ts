import { expect, test } from "vitest";
import type { Queue, Throughput, Worker } from "../api/types";
import { lastHour, wrongs, type Seen } from "./wrong";

const NOW = Date.parse("2026-11-22T12:00:00Z");

function worker(name: string, change: Partial<Worker> = {}, health: Partial<Worker["health"]> = {}): Worker {
  return {
    ...{
      id: name,
      name,
      device: "cpu",
      models: ["mini-1"],
      slots: 4,
      version: "1",
      state: "active",
      reason: "",
    },
    ...{ registered_at: "2026-11-22T00:00:00Z", seen_at: "2026-11-22T12:00:00Z" },
    health: { unseen_s: 1, breaker: "closed", running: 0, busy_share: 0, failures_recent: 0, ...health },
    ...change,
  } as Worker;
}

function queue(
  fast: Partial<Queue["lanes"][number]> = {},
  relax: Partial<Queue["lanes"][number]> = {},
): Queue {
  const lane = { waiting: 0, ready: 0, running: 0, finishing: 0, oldest_ready_s: null, wait_p50_s: null };
  const rest = { wait_p95_s: null, started_last_hour: 0 };
  return {
    lanes: [
      { lane: "turbo", ...lane, ...rest },
      { lane: "fast", ...lane, ...rest, ...fast },
      { lane: "relax", ...lane, ...rest, ...relax },
    ],
    dispatching: true,
    at: "2026-11-22T12:00:00Z",
  };
}

function throughput(...buckets: { minutes: number; completed?: number; failed?: number }[]): Throughput {
  return {
    bucket_s: 600,
    workers_now: 1,
    buckets: buckets.map(({ minutes, completed = 0, failed = 0 }) => ({
      at: new Date(NOW - minutes * 60_000).toISOString(),
      ...{ completed, failed, rejected: 0, cancelled: 0, images: completed * 4, gpu_ms: 0 },
      by_lane: { turbo: 0, fast: completed + failed, relax: 0 },
    })),
  };
}

function seen(change: Partial<Seen> = {}): Seen {
  return {
    parts: { database: "ok", objects: "ok", dispatcher: "ok" },
    queue: queue(),
    workers: [worker("one")],
    throughput: throughput({ minutes: 5, completed: 9 }),
    letters: { many: 0, atLeast: false },
    appeals: { many: 0, atLeast: false },
    now: NOW,
    ...change,
  };
}
const words = (change: Partial<Seen>): string[] =>
  wrongs(seen(change)).map((each) => `${each.level}: ${each.words}`);

test("nothing is wrong where nothing is", () => {
  expect(wrongs(seen())).toEqual([]);
  expect(
    wrongs({
      parts: null,
      queue: null,
      workers: null,
      throughput: null,
      letters: null,
      appeals: null,
      now: NOW,
    }),
  ).toEqual([]);
});

test("no worker takes jobs where all are gone, drain or are quarantined", () => {
  const [first] = wrongs(
    seen({
      workers: [worker("one", { state: "gone" }), worker("two", { state: "draining" })],
      queue: queue({ ready: 3 }),
    }),
  );
  expect(first).toEqual({
    level: "bad",
    words: "No worker takes jobs",
    hint: "3 jobs are ready. two is draining: readmit one.",
    to: "workers",
  });
});

test.each([
  [{ oldest_ready_s: 60 }, []],
  [{ oldest_ready_s: 130 }, ["warn: The oldest ready job waits 2 min"]],
  [{ oldest_ready_s: 720 }, ["bad: The oldest ready job waits 12 min"]],
])("a job that waits %o in fast", (fast, expected) => {
  expect(words({ queue: queue(fast) })).toEqual(expected);
});

test("relax may wait longer, and is never a reason to wake somebody", () => {
  expect(words({ queue: queue({}, { oldest_ready_s: 300 }) })).toEqual([]);
  expect(words({ queue: queue({}, { oldest_ready_s: 3_600 }) })).toEqual([
    "warn: The oldest ready job waits 60 min",
  ]);
});

test("an old job that is paid for comes before an older one in relax", () => {
  expect(words({ queue: queue({ oldest_ready_s: 720 }, { oldest_ready_s: 4_000 }) })).toEqual([
    "bad: The oldest ready job waits 12 min",
    "warn: The oldest ready job waits 67 min",
  ]);
});

test("a silent worker is grave where there is no other", () => {
  const silent = worker("one", {}, { unseen_s: 18 });
  expect(words({ workers: [silent] })).toEqual(["bad: one was not heard of for 18 s"]);
  expect(words({ workers: [silent, worker("two")] })).toEqual(["warn: one was not heard of for 18 s"]);
});

test("breakers and quarantine are told with their worker", () => {
  const workers = [
    worker("one"),
    worker("two", {}, { breaker: "open" }),
    worker("three", {}, { breaker: "half_open" }),
    worker("four", { state: "quarantined", reason: "by an operator" }),
    worker("five", { state: "gone" }, { breaker: "open", unseen_s: 9_999 }),
  ];
  expect(words({ workers })).toEqual([
    "warn: two gets no jobs for a while",
    "warn: three is on trial with one job",
    "warn: four is quarantined",
  ]);
});

test("a part that fails comes first, the dispatcher is told once", () => {
  expect(
    words({
      parts: { database: "failing", objects: "ok", dispatcher: "failing" },
      queue: { ...queue(), dispatching: false },
      letters: { many: 2, atLeast: false },
    }),
  ).toEqual([
    "bad: The database does not answer",
    "bad: Nobody gives out jobs",
    "warn: 2 jobs failed for good",
  ]);
  expect(words({ parts: null, queue: { ...queue(), dispatching: false } })).toEqual([
    "bad: Nobody gives out jobs",
  ]);
});

test("failures count from three and a tenth of the last hour on, older ones don't", () => {
  expect(words({ throughput: throughput({ minutes: 5, completed: 6, failed: 3 }) })).toEqual([
    "bad: 3 of 9 jobs failed in the last hour",
  ]);
  expect(words({ throughput: throughput({ minutes: 5, completed: 6, failed: 2 }) })).toEqual([]);
  expect(words({ throughput: throughput({ minutes: 5, completed: 60, failed: 4 }) })).toEqual([]);
  expect(words({ throughput: throughput({ minutes: 90, failed: 8 }, { minutes: 5, completed: 1 }) })).toEqual(
    [],
  );
});

test("many are told as such, appeals last", () => {
  expect(words({ letters: { many: 100, atLeast: true }, appeals: { many: 1, atLeast: false } })).toEqual([
    "warn: More than 100 jobs failed for good",
    "note: 1 appeal to decide",
  ]);
});

test("the last hour is the buckets that touch it", () => {
  const found = lastHour(
    throughput(
      { minutes: 75, completed: 1 },
      { minutes: 65, completed: 2 },
      { minutes: 5, completed: 4, failed: 1 },
    ),
    NOW,
  );
  expect(found).toEqual({ completed: 6, failed: 1, ended: 7, images: 24 });
});

test.each([
  [{ unseen_s: 30 }, "", /starts again by itself within a minute/],
  [{ unseen_s: 300 }, "", /Start a worker\. .*logs/],
  [{ unseen_s: 300 }, "drained by an operator", /one left: drained by an operator\. Readmit it/],
])("where the last worker is gone %o %s", (health, reason, expected) => {
  const gone = worker("one", { state: "gone", reason }, health);
  const older = worker("two", { state: "gone" }, { unseen_s: 9_999 });
  expect(wrongs(seen({ workers: [older, gone] }))[0]!.hint).toMatch(expected);
});

test("a worker that began within the hour leaves a trace, no alarm", () => {
  const workers = [worker("one", { registered_at: "2026-11-22T11:57:00Z" }), worker("two")];
  expect(words({ workers })).toEqual(["note: one began 3 min ago"]);
});

test("a deep queue is told with when it will be empty", () => {
  expect(words({ queue: queue({ ready: 19 }) })).toEqual([]);
  const deep = { queue: queue({ ready: 25, waiting: 30 }) };
  expect(words(deep)).toEqual(["note: 55 jobs wait"]);
  expect(wrongs(seen({ ...deep, throughput: throughput({ minutes: 5, completed: 110 }) }))[0]!.hint).toMatch(
    /empty in about 30 min/,
  );
  expect(wrongs(seen({ ...deep, throughput: null }))[0]!.hint).toMatch(/nobody can say/);
});

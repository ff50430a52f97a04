import { expect, test } from "vitest";
import type { Worker } from "../api/types";
import { causeWords, inOrder, workerTold } from "./states";

const healthy: Worker["health"] = {
  unseen_s: 1,
  breaker: "closed",
  running: 0,
  busy_share: 0,
  failures_recent: 0,
};

test.each([
  ["active", {}, "Takes jobs"],
  ["active", { unseen_s: 40 }, "Silent"],
  ["active", { breaker: "open" }, "Gets no jobs for a while"],
  ["active", { breaker: "half_open" }, "On trial"],
  ["gone", { unseen_s: 9_000, breaker: "open" }, "Gone"],
  ["quarantined", { breaker: "quarantined" }, "Quarantined"],
  ["draining", {}, "Drains"],
] as const)("a worker that is %s with %o", (state, health, words) => {
  expect(workerTold({ state, health: { ...healthy, ...health } }).words).toBe(words);
});

test("workers that need somebody come first, the gone last", () => {
  const worker = (name: string, state: Worker["state"]): Worker => ({ name, state }) as Worker;
  const sorted = inOrder([
    worker("d", "gone"),
    worker("c", "active"),
    worker("b", "active"),
    worker("z", "quarantined"),
    worker("a", "draining"),
  ]);
  expect(sorted.map((each) => each.name).join("")).toBe("zabcd");
});

test("a cause that is not known yet is shown as it is", () => {
  expect(causeWords("worker_lost")).toBe("the worker was lost");
  expect(causeWords("moon_full")).toBe("moon full");
});

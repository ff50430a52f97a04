import { describe, expect, it } from "vitest";
import { hasEnded, moved, setbackOf } from "./life";
import { aJob } from "./sample";

const AT = "2026-11-22T03:00:00Z";

describe("moved", () => {
  it("takes the place from a job that is drawn, and says since when", () => {
    const now = moved(aJob({ state: "ready", position: 3, wait_s: 9 }), { state: "running", at: AT });
    expect(now).toMatchObject({ state: "running", position: null, wait_s: null, started_at: AT });
  });

  it("leaves an end as it is, whatever old news say", () => {
    const done = aJob({ state: "completed" });
    expect(moved(done, { state: "running", at: AT })).toBe(done);
  });

  it("drops the progress of a job that waits again", () => {
    const drawn = aJob({ state: "running", progress: { done: 3, total: 9, preview_url: null } });
    expect(moved(drawn, { state: "ready", at: AT }).progress).toBeNull();
    expect(moved(drawn, { state: "finishing", at: AT }).progress).not.toBeNull();
  });
});

describe("setbackOf", () => {
  it("knows a lost machine as a delay, and no end and no first wait as one", () => {
    expect(setbackOf({ state: "ready", cause: "worker_lost" })).toBe("worker_lost");
    expect(setbackOf({ state: "ready", cause: "slot_free" })).toBeNull();
    expect(setbackOf({ state: "failed", cause: "out_of_attempts" })).toBeNull();
  });
});

it("knows which states are the last", () => {
  const ended = (["waiting", "ready", "running", "finishing"] as const).filter((state) =>
    hasEnded({ state }),
  );
  expect(ended).toEqual([]);
  expect(
    (["completed", "rejected", "failed", "cancelled"] as const).every((state) => hasEnded({ state })),
  ).toBe(true);
});

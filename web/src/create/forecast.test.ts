import { describe, expect, it } from "vitest";
import type { Account, Parsed } from "../api/types";
import { amount, cost, factor, laneUnable, left, start } from "./forecast";

const lane = (cost_gpu_ms: number | null, allowed = true) => ({ allowed, cost_gpu_ms, wait_s: 0 });
const parsed = {
  jobs: 6,
  images: 24,
  left_gpu_ms: 7_800_000,
  lanes: { turbo: lane(4_000), fast: lane(2_000), relax: lane(0, false) },
} as Parsed;
const account = {
  plan: { title: "Basic", turbo: false, relax: true },
  balance: { unlimited: true },
  usage: { period_end: "2026-12-22T12:00:00Z" },
} as Account;

describe("what a prompt comes to", () => {
  it("counts jobs only where there are several", () => {
    expect(amount(parsed)).toBe("6 jobs, 24 images");
    expect(amount({ ...parsed, jobs: 1, images: 4 })).toBe("4 images");
  });

  it("says cost and start, and nothing where nobody knows", () => {
    expect(cost(2_100)).toBe("at most 2.1 s of GPU time");
    expect(cost(null)).toBe("");
    expect(start(0.2)).toBe("starts now");
    expect(start(8)).toBe("starts in about 8 s");
    expect(start(null)).toBe("");
  });

  it("relates the lanes' prices", () => {
    expect(factor(parsed, "turbo")).toBe("2 times the price");
    expect(factor(parsed, "fast")).toBe("");
    expect(factor(parsed, "relax")).toBe("costs no fast time");
    expect(factor({ ...parsed, lanes: { ...parsed.lanes, fast: lane(null) } }, "turbo")).toBe("");
  });

  it("says why a lane cannot be taken", () => {
    expect(laneUnable(account, parsed, "turbo")).toBe("The plan Basic has no turbo lane.");
    expect(laneUnable(account, parsed, "relax")).toContain("one job at a time");
    expect(laneUnable(account, parsed, "fast")).toBe("");
  });

  it("says what is left", () => {
    expect(left(parsed, account)).toMatch(/^2 h 10 min of fast time left, new time on .*22/);
    expect(left({ ...parsed, left_gpu_ms: null }, account)).toBe("Fast time without limit");
    expect(left(null, account)).toBe("Fast time without limit");
    expect(left(null, null)).toBe("");
  });
});

import { expect, test } from "vitest";
import type { Throughput } from "../api/types";
import { jobSteps, useSteps } from "./over-time";

const START = new Date(2026, 10, 22, 10, 55).getTime();

function throughput(bucket_s: number, many: number, workers_now = 1): Throughput {
  return {
    bucket_s,
    workers_now,
    buckets: Array.from({ length: many }, (_, i) => ({
      at: new Date(START + i * bucket_s * 1_000).toISOString(),
      ...{ completed: 3, failed: 1, rejected: 0, cancelled: 0, images: 12, gpu_ms: 30_000 },
      by_lane: { turbo: 1, fast: 2, relax: 1 },
    })),
  };
}

test("each bucket has its lanes and its failures", () => {
  const [first] = jobSteps(throughput(60, 3), "1", "en-GB");
  expect(first?.label).toBe("10:55 to 10:56");
  expect(first?.values).toEqual({ turbo: 1, fast: 2, relax: 1, failed: 1 });
});

test("ticks stand at round times of the reader's clock", () => {
  const ticks = (steps: { tick: string }[]): string[] => steps.map((each) => each.tick).filter(Boolean);
  expect(ticks(jobSteps(throughput(60, 60), "1", "en-GB"))).toEqual([
    "11:00",
    "11:10",
    "11:20",
    "11:30",
    "11:40",
    "11:50",
  ]);
  expect(ticks(jobSteps(throughput(300, 24), "6", "en-GB"))).toEqual(["11:00", "12:00"]);
  expect(ticks(jobSteps(throughput(3_600, 168), "168", "en-GB"))).toEqual([
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
  ]);
});

test("use is the time of devices over the time that there was", () => {
  const now = START + 10 * 60_000;
  expect(useSteps(throughput(60, 1), "1", now)[0]?.values).toEqual({ use: 50 });
  expect(useSteps(throughput(60, 1, 2), "1", now)[0]?.values).toEqual({ use: 25 });
});

test("the bucket that is not over counts as far as it got, without workers nothing is known", () => {
  expect(useSteps(throughput(600, 1), "6", START + 60_000)[0]?.values).toEqual({ use: 50 });
  expect(useSteps(throughput(600, 1, 0), "6", START + 60_000)[0]?.values).toEqual({ use: null });
});

import { expect, test } from "vitest";
import type { Month } from "../api/types";
import { daySteps, monthOf, monthsFrom, monthWords, totals } from "./usage";

const lane = (gpu_ms: number, images: number) => ({ gpu_ms, jobs: images / 4, images });
const none = lane(0, 0);
const FEBRUARY: Month = {
  month: "2028-02",
  days: [
    { day: "2028-02-01", lanes: { turbo: none, fast: lane(1_600, 4), relax: lane(0, 8) } },
    { day: "2028-02-02", lanes: { turbo: lane(3_200, 4), fast: none, relax: none } },
  ],
  total: { turbo: lane(3_200, 4), fast: lane(1_600, 4), relax: lane(0, 8) },
};

test("a month has a step for each of its days, those to come are empty", () => {
  const steps = daySteps(FEBRUARY, "gpu_ms", "en");
  expect(steps).toHaveLength(29);
  expect(steps[0]).toEqual({
    key: "2028-02-01",
    label: "Tue, February 1",
    tick: "1",
    values: { turbo: 0, fast: 1_600, relax: 0 },
  });
  expect(steps[28]?.values).toEqual({ turbo: 0, fast: 0, relax: 0 });
});

test("the same in images", () => {
  expect(daySteps(FEBRUARY, "images", "en")[0]?.values).toEqual({ turbo: 0, fast: 4, relax: 8 });
});

test("a month comes to the sum of its lanes", () => {
  expect(totals(FEBRUARY)).toEqual({ gpu_ms: 4_800, jobs: 4, images: 16 });
});

test("months are walked over the ends of years", () => {
  expect(monthsFrom("2026-12", 1)).toBe("2027-01");
  expect(monthsFrom("2026-01", -1)).toBe("2025-12");
  expect(monthOf("2026-11-30T23:59:00Z")).toBe("2026-11");
  expect(monthWords("2026-11", "en")).toBe("November 2026");
});

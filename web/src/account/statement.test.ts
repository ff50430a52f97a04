import { expect, test } from "vitest";
import type { Entry } from "../api/types";
import { amountWords, gives, kindWords, shares } from "./statement";

const entry = (kind: Entry["kind"], amount_gpu_ms = 1_600): Entry => ({
  id: 1,
  kind,
  amount_gpu_ms,
  job_id: null,
  at: "2026-11-22T00:00:00Z",
  note: "",
});

test.each([
  ["grant", "+1.6 s", "Time given"],
  ["release", "+1.6 s", "Set aside before, given back"],
  ["hold", "−1.6 s", "Set aside for a job"],
  ["settle", "−1.6 s", "Charged"],
  ["expire", "−1.6 s", "Left over, expired"],
] as const)("a line of the kind %s", (kind, amount, words) => {
  expect(amountWords(entry(kind))).toBe(amount);
  expect(kindWords(entry(kind))).toBe(words);
  expect(gives(entry(kind))).toBe(amount.startsWith("+"));
});

test("nothing has no sign", () => {
  expect(amountWords(entry("settle", 0))).toBe("0");
});

test("the meter is as long as the month's time, or as what is there where more was given", () => {
  const plan = { fast_gpu_ms_month: 1_000 };
  expect(shares(plan, { available_gpu_ms: 300, held_gpu_ms: 100 })).toEqual({
    left: 300,
    held: 100,
    of: 1_000,
  });
  expect(shares(plan, { available_gpu_ms: 5_000, held_gpu_ms: 0 })?.of).toBe(5_000);
  expect(shares(plan, { available_gpu_ms: -50, held_gpu_ms: 0 })?.left).toBe(0);
  expect(shares({ fast_gpu_ms_month: null }, { available_gpu_ms: 1, held_gpu_ms: 0 })).toBeNull();
});

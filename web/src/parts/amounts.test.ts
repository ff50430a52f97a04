import { expect, test } from "vitest";
import { ago, count, gpuTime, size, wait } from "./amounts";

test.each([
  [340, "340 ms"],
  [2_140, "2.1 s"],
  [60_000, "1 min"],
  [185_000, "3 min 5 s"],
  [3_599_900, "1 h"],
  [7_800_000, "2 h 10 min"],
])("%i ms of GPU time are %s", (ms, words) => expect(gpuTime(ms)).toBe(words));

test.each([
  [0.4, "now"],
  [8.2, "8 s"],
  [170, "3 min"],
  [7_200, "2 h"],
])("a wait of %f s is %s", (seconds, words) => expect(wait(seconds)).toBe(words));

test("how long ago", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  expect(ago("2026-11-22T11:59:30Z", now)).toBe("just now");
  expect(ago("2026-11-22T11:55:00Z", now)).toBe("5 min ago");
  expect(ago("2026-11-21T11:00:00Z", now)).toBe("yesterday");
});

test("one and many", () => {
  expect([count(1, "image"), count(2, "image"), count(3, "copy", "copies")]).toEqual([
    "1 image",
    "2 images",
    "3 copies",
  ]);
  expect([size(900), size(1_500), size(2_340_000)]).toEqual(["900 bytes", "2 kB", "2.3 MB"]);
});

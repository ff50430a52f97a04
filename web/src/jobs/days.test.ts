import { expect, it } from "vitest";
import { byDay } from "./days";

it("puts what was made on one day of the reader's under one title", () => {
  const now = new Date(2026, 10, 22, 12);
  const made = [
    new Date(2026, 10, 22, 11),
    new Date(2026, 10, 22, 0, 1),
    new Date(2026, 10, 21, 23, 59),
    new Date(2025, 10, 21, 9),
  ];
  const days = byDay(made, (each) => each.getTime(), now);
  expect(days.map((each) => [each.title, each.items.length])).toEqual([
    ["Today", 2],
    ["Yesterday", 1],
    [expect.stringContaining("2025"), 1],
  ]);
});

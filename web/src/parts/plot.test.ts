import { expect, test } from "vitest";
import {
  highest,
  lastWithSomething,
  linePath,
  numberTicks,
  stackedBars,
  stepAt,
  stepByKey,
  thinned,
  tickTime,
  timeTicks,
  type Series,
  type Step,
} from "./plot";

const SERIES: Series[] = [
  { key: "a", words: "A", tone: "fast" },
  { key: "b", words: "B", tone: "bad", striped: true },
];
const step = (a: number | null, b: number | null = 0, tick = ""): Step => ({
  key: `${a}${b}`,
  label: "",
  tick,
  values: { a, b },
});
const box = { width: 100, height: 100, band: 10, top: 10 };

test.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [3, [0, 1, 2, 3]],
  [7, [0, 5, 10]],
  [95, [0, 50, 100]],
  [300, [0, 100, 200, 300]],
  [301, [0, 200, 400]],
])("ticks of counts up to %d are whole and round", (max, ticks) => {
  expect(numberTicks(max)).toEqual(ticks);
});

test.each([
  [0, ["0", "1 s"]],
  [1_500, ["0", "500 ms", "1 s", "1.5 s"]],
  [80_000, ["0", "30 s", "1 min", "1.5 min"]],
  [3_600_000, ["0", "30 min", "1 h"]],
  [7_000_000, ["0", "1 h", "2 h"]],
  [9_000 * 3_600_000, ["0", "3000 h", "6000 h", "9000 h"]],
])("ticks of times up to %d ms are as clocks are divided", (max, ticks) => {
  expect(timeTicks(max).map(tickTime)).toEqual(ticks);
});

test("the last tick is never below what is drawn", () => {
  for (let max = 1; max < 100_000_000; max = Math.ceil(max * 1.37)) {
    expect(numberTicks(max).at(-1)).toBeGreaterThanOrEqual(max);
    expect(timeTicks(max).at(-1)).toBeGreaterThanOrEqual(max);
    expect(timeTicks(max).length).toBeLessThanOrEqual(5);
  }
});

test("the highest stack counts all series and takes what is unknown for nothing", () => {
  expect(highest([step(3, 4), step(6), step(null, 5)], SERIES)).toBe(7);
  expect(highest([], SERIES)).toBe(0);
});

test("bars stand on each other, and what is little is still seen", () => {
  const [a, b] = stackedBars([step(5, 2), step(0.01)], SERIES, box);
  expect(a).toBe("M1 50h8v50h-8zM11 98.5h8v1.5h-8z");
  expect(b).toBe("M1 30h8v20h-8z");
});

test("narrow bars give up their gaps before they vanish", () => {
  expect(stackedBars([step(10)], SERIES, { ...box, band: 2 })[0]).toBe("M0 0h2v100h-2z");
});

test("a line breaks where nothing is known and stays inside", () => {
  expect(linePath([step(0), step(5), step(null), step(20)], "a", box)).toBe("M5 100L15 50M35 0");
});

test("ticks are thinned evenly, those without words are none", () => {
  const steps = Array.from({ length: 24 }, (_, i) => step(0, 0, i % 2 ? "" : `${i}:00`));
  expect(thinned(steps, 10, 15)).toHaveLength(12);
  expect(thinned(steps, 10, 50)).toEqual([0, 6, 12, 18]);
  expect(thinned([step(1)], 10, 50)).toEqual([]);
});

test("a point outside belongs to the nearest step", () => {
  expect([-5, 0, 29, 500].map((x) => stepAt(x, box, 10))).toEqual([0, 0, 2, 9]);
});

test("keys walk the steps and stop at the ends", () => {
  expect(stepByKey("ArrowRight", 3, 10)).toBe(4);
  expect(stepByKey("ArrowRight", 9, 10)).toBe(9);
  expect(stepByKey("ArrowLeft", 0, 10)).toBe(0);
  expect(stepByKey("Home", 5, 10)).toBe(0);
  expect(stepByKey("End", 5, 10)).toBe(9);
  expect(stepByKey("PageDown", 50, 100)).toBe(40);
  expect(stepByKey("a", 5, 10)).toBeNull();
});

test("a reader begins where something happened last", () => {
  expect(lastWithSomething([step(0), step(2), step(0), step(null)])).toBe(1);
  expect(lastWithSomething([step(0), step(0)])).toBe(1);
});

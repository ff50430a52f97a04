/** Rows fill the width, stay where they are when more comes, and arrows lead to what lies nearest. */

import { expect, test } from "vitest";
import { beside, between, rowOf, rowsOf, shownRatio } from "./rows";

const ratios = Array.from(
  { length: 200 },
  (_, index) => [1, 1.5, 0.667, 1.78, 2.333, 0.75][(index * 7) % 6]!,
);

test.each([340, 700, 1180, 1800])(
  "rows of %i pixels are filled, of nearly the height that is wanted",
  (width) => {
    const wanted = width < 600 ? 170 : 250;
    const { rows, height } = rowsOf(ratios, width, wanted, 8, true);
    let top = 0;
    let next = 0;
    for (const row of rows) {
      expect(row.top).toBeCloseTo(top);
      row.pictures.forEach((each, at) => {
        expect(each.index).toBe(next++);
        expect(each.width / row.height).toBeCloseTo(ratios[each.index]!);
        if (at) expect(each.left).toBeCloseTo(row.pictures[at - 1]!.left + row.pictures[at - 1]!.width + 8);
      });
      const last = row.pictures.at(-1)!;
      if (row !== rows.at(-1)) expect(last.left + last.width).toBeCloseTo(width);
      expect(last.left + last.width).toBeLessThanOrEqual(width + 0.01);
      expect(row.height).toBeLessThanOrEqual(wanted * 1.45);
      expect(row.height).toBeGreaterThan(wanted * 0.55);
      top += row.height + 8;
    }
    expect(next).toBe(ratios.length);
    expect(height).toBeCloseTo(top - 8);
  },
);

test("rows that are there do not change when more comes, and one that is not full waits", () => {
  const before = rowsOf(ratios.slice(0, 61), 1000, 250, 8, false);
  const after = rowsOf(ratios, 1000, 250, 8, false);
  expect(before.placed).toBeLessThanOrEqual(61);
  expect(before.placed).toBeGreaterThan(55);
  expect(after.rows.slice(0, before.rows.length)).toEqual(before.rows);
});

test("a last row is not stretched, a lone wide picture fits, nothing is nothing", () => {
  const lone = rowsOf([1], 1000, 250, 8, true);
  expect(lone.rows).toEqual([{ top: 0, height: 250, pictures: [{ index: 0, left: 0, width: 250 }] }]);
  expect(rowsOf([3.2], 400, 250, 8, true).rows[0]!.height).toBe(125);
  expect(rowsOf([], 1000, 250, 8, true)).toEqual({ rows: [], height: 0, placed: 0 });
  expect(rowsOf([1, 1], 0, 250, 8, false).rows).toEqual([]);
});

test("what is between two heights is found", () => {
  const { rows, height } = rowsOf(ratios, 1000, 250, 8, true);
  const [first, end] = between(rows, 1_000, 2_000);
  expect(rows[first]!.top + rows[first]!.height).toBeGreaterThan(1_000);
  expect(rows[first - 1]!.top + rows[first - 1]!.height).toBeLessThanOrEqual(1_000);
  expect(rows[end - 1]!.top).toBeLessThan(2_000);
  expect(rows[end]!.top).toBeGreaterThanOrEqual(2_000);
  expect(between(rows, -500, height + 500)).toEqual([0, rows.length]);
});

test("arrows walk along rows and to what lies nearest above and below", () => {
  const squares = rowsOf(Array(9).fill(1), 300, 100, 0, true).rows;
  expect(squares.map((row) => row.pictures.length)).toEqual([3, 3, 3]);
  expect(beside(squares, 4, "ArrowUp")).toBe(1);
  expect(beside(squares, 4, "ArrowDown")).toBe(7);
  expect(beside(squares, 2, "ArrowRight")).toBe(3);
  expect(beside(squares, 0, "ArrowLeft")).toBe(0);
  expect(beside(squares, 8, "ArrowDown")).toBe(8);
  expect(beside(squares, 4, "End")).toBe(8);
  expect(beside(squares, 4, "x")).toBeNull();
  const mixed = rowsOf([2, 1, 1, 1, 1], 300, 100, 0, true).rows;
  expect(beside(mixed, 4, "ArrowUp")).toBe(1);
  expect(beside(mixed, 2, "ArrowUp")).toBe(0);
  expect(rowOf(mixed, 99)).toBe(-1);
});

test("very long pictures are cut in the feed", () => {
  expect(shownRatio({ width: 1400, height: 100 })).toBe(3.2);
  expect(shownRatio({ width: 100, height: 1400 })).toBe(0.4);
  expect(shownRatio({ width: 0, height: 0 })).toBe(1);
});

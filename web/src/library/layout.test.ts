import { describe, expect, it } from "vitest";
import {
  HEIGHT_MAX_PX,
  layoutOf,
  placeOf,
  rowsInSight,
  scrolledFor,
  showing,
  stepped,
  topOf,
} from "./layout";

describe("a wall of squares", () => {
  it("fills the width with as many as fit", () => {
    const layout = layoutOf(1000, 180, 8, 100_000);
    expect(layout.columns).toBe(5);
    expect(layout.cell * 5 + 8 * 4).toBeLessThanOrEqual(1000);
    expect(layout.cell * 5 + 8 * 4).toBeGreaterThan(990);
    expect(layout.rows).toBe(20_000);
    expect(layout.height).toBe(layout.full);
  });

  it("has one column where not even one fits, and no rows where nothing is", () => {
    expect(layoutOf(100, 360, 8, 3)).toMatchObject({ columns: 1, cell: 100, rows: 3 });
    expect(layoutOf(100, 360, 8, 0)).toMatchObject({ rows: 0, height: 0 });
    expect(rowsInSight(layoutOf(100, 360, 8, 0), 0, 800, 2)).toEqual({ first: 0, last: -1 });
  });

  it("draws what is in sight and a little more, never beyond the ends", () => {
    const layout = layoutOf(400, 96, 4, 1_000);
    expect(layout).toMatchObject({ columns: 4, cell: 97, pitch: 101, rows: 250 });
    expect(rowsInSight(layout, 0, 800, 2)).toEqual({ first: 0, last: 9 });
    expect(rowsInSight(layout, 1010, 800, 2)).toEqual({ first: 8, last: 19 });
    expect(rowsInSight(layout, layout.height - 800, 800, 2).last).toBe(249);
    expect(rowsInSight(layout, -300, 800, 2).first).toBe(0);
  });

  it("reaches both ends of a wall that is taller than browsers can be", () => {
    const layout = layoutOf(380, 180, 8, 200_000);
    expect(layout.full).toBeGreaterThan(HEIGHT_MAX_PX);
    expect(layout.height).toBe(HEIGHT_MAX_PX);
    const end = layout.height - 800;
    expect(rowsInSight(layout, end, 800, 0).last).toBe(layout.rows - 1);
    const last = topOf(layout, layout.rows - 1, end, 800);
    expect(last + layout.cell).toBeCloseTo(layout.height, 3);
    expect(topOf(layout, 0, 0, 800)).toBe(0);
    expect(scrolledFor(layout, placeOf(layout, 7_654_321, 800), 800)).toBeCloseTo(7_654_321, 3);
  });

  it("scrolls no further than it takes to see a row", () => {
    const layout = layoutOf(400, 96, 4, 1_000);
    expect(showing(layout, 5, 0, 800)).toBe(0);
    expect(showing(layout, 20, 0, 800)).toBe(20 * 101 + 97 - 800);
    expect(showing(layout, 3, 1010, 800)).toBe(303);
    expect(showing(layout, 3, 1010, 800, 50)).toBe(253);
    expect(showing(layout, 20, 0, 800, 0, 60)).toBe(20 * 101 + 97 + 60 - 800);
  });
});

describe("keys", () => {
  const size = { columns: 4, count: 10, page: 2 };
  const to = (key: string, at: number, ctrl = false) => stepped(key, ctrl, at, size);

  it("walk the wall and stop at its ends", () => {
    expect([to("ArrowRight", 0), to("ArrowRight", 9), to("ArrowLeft", 0), to("ArrowLeft", 4)]).toEqual([
      1, 9, 0, 3,
    ]);
    expect([to("ArrowDown", 0), to("ArrowUp", 5), to("ArrowUp", 2)]).toEqual([4, 1, 2]);
  });

  it("go down to the last image from above the gap in the last row", () => {
    expect(to("ArrowDown", 7)).toBe(9);
    expect(to("ArrowDown", 8)).toBe(8);
  });

  it("know rows, pages and ends", () => {
    expect([to("Home", 6), to("End", 5), to("End", 8)]).toEqual([4, 7, 9]);
    expect([to("Home", 6, true), to("End", 1, true)]).toEqual([0, 9]);
    expect([to("PageDown", 1), to("PageDown", 5), to("PageUp", 9), to("PageUp", 6)]).toEqual([9, 9, 1, 2]);
    expect(to("q", 3)).toBeNull();
  });
});

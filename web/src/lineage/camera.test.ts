import { describe, expect, it } from "vitest";
import { following, inSight, movedBy, opening, revealing, whole, zoomedTo } from "./camera";

const box = { width: 1000, height: 600 };
const small = { width: 500, height: 400 };
const large = { width: 9000, height: 6000 };

describe("the camera", () => {
  it("opens on all of a small graph, in the middle", () => {
    const view = opening(small, box, { x: 0, y: 0 });
    expect(view.scale).toBe(1.15);
    expect(view.x).toBeCloseTo((1000 - 575) / 2);
  });
  it("opens on the picture of a large one, at a size that can be read", () => {
    expect(opening(large, box, { x: 4000, y: 3000 })).toEqual({
      scale: 1,
      x: 500 - 4000,
      y: 300 - 3000,
    });
  });
  it("wastes no room of a box that the graph fits in one way: a phone sees every generation", () => {
    const phone = { width: 390, height: 700 };
    const wide = { width: 1200, height: 400 };
    const view = opening(wide, phone, { x: 1190, y: 390 });
    expect(view.scale).toBeCloseTo(0.8);
    expect(view.y).toBeCloseTo((700 - 320) / 2);
    expect(view.x).toBeCloseTo(390 - 960);
  });
  it("can show all of it", () => {
    const view = whole(large, box);
    expect(view.scale).toBeCloseTo(0.1);
    expect(view.y).toBeGreaterThanOrEqual(0);
  });
  it("never loses it out of sight", () => {
    const gone = movedBy({ scale: 1, x: 0, y: 0 }, 99_999, -99_999, small, box);
    expect(gone).toEqual({ scale: 1, x: 910, y: 90 - 400 });
  });
  it("zooms around the pointer, within limits", () => {
    const view = zoomedTo({ scale: 1, x: 0, y: 0 }, 2, { x: 100, y: 100 }, large, box);
    expect(view).toEqual({ scale: 2, x: -100, y: -100 });
    expect(zoomedTo(view, 100, { x: 0, y: 0 }, large, box).scale).toBe(2.5);
  });
  it("reveals by moving no more than it must", () => {
    const view = { scale: 1, x: 0, y: 0 };
    const tile = { width: 84, height: 84 };
    expect(revealing(view, { x: 300, y: 300, ...tile }, large, box)).toBe(view);
    expect(revealing(view, { x: 2000, y: 300, ...tile }, large, box)).toEqual({
      scale: 1,
      x: 960 - 2084,
      y: 0,
    });
    expect(revealing({ ...view, x: -500 }, { x: 400, y: 300, ...tile }, large, box).x).toBe(40 - 400);
  });
  it("knows what is in sight, or nearly", () => {
    const view = { scale: 2, x: -1000, y: 0 };
    const tile = { width: 84, height: 84 };
    expect(inSight(view, { x: 600, y: 10, ...tile }, box)).toBe(true);
    expect(inSight(view, { x: 340, y: 10, ...tile }, box)).toBe(true);
    expect(inSight(view, { x: 100, y: 10, ...tile }, box)).toBe(false);
    expect(inSight(view, { x: 600, y: 600, ...tile }, box)).toBe(false);
  });
  it("stays with a picture whose place changes", () => {
    const view = { scale: 2, x: 10, y: 20 };
    expect(following(view, { x: 5, y: 5 }, { x: 105, y: 5 })).toEqual({ scale: 2, x: -190, y: 20 });
    expect(following(view, { x: 5, y: 5 }, { x: 5, y: 5 })).toBe(view);
  });
});

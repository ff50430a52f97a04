import { describe, expect, it } from "vitest";
import { fitted, fitting, held, isClose, moved, pinched, scaledAt, zoomed } from "./zoom";

const picture = { width: 1000, height: 500 };
const box = { width: 500, height: 500 };

describe("fitting", () => {
  it("shows the whole picture in the middle", () => {
    expect(fitted(picture, box)).toEqual({ scale: 0.5, x: 0, y: 125 });
  });
  it("enlarges a tiny picture only so far", () => {
    expect(fitting({ width: 64, height: 64 }, { width: 2000, height: 1000 })).toBe(4);
  });
  it("survives a box that has no size yet", () => {
    expect(fitting(picture, { width: 0, height: 0 })).toBe(1);
  });
});

describe("zooming", () => {
  it("keeps what is under the pointer where it is", () => {
    const at = { x: 340, y: 280 };
    const before = { scale: 2, x: -600, y: -200 };
    const after = zoomed(before, 1.5, at, picture, box);
    expect(after.scale).toBe(3);
    expect((at.x - after.x) / after.scale).toBeCloseTo((at.x - before.x) / before.scale, 9);
    expect((at.y - after.y) / after.scale).toBeCloseTo((at.y - before.y) / before.scale, 9);
  });
  it("ends at the whole picture, in the middle again", () => {
    const close = zoomed(fitted(picture, box), 4, { x: 10, y: 400 }, picture, box);
    expect(isClose(close, picture, box)).toBe(true);
    const back = zoomed(close, 0.01, { x: 400, y: 10 }, picture, box);
    expect(back).toEqual(fitted(picture, box));
    expect(isClose(back, picture, box)).toBe(false);
  });
  it("ends at sixteen times", () => {
    expect(zoomed(fitted(picture, box), 1e9, { x: 0, y: 0 }, picture, box).scale).toBe(16);
  });
  it("is undone by its inverse", () => {
    const at = { x: 123, y: 45 };
    const view = { scale: 0.7, x: -31, y: 12 };
    const there = scaledAt(view, 2.1, at);
    const again = scaledAt(there, 0.7, at);
    expect(again.x).toBeCloseTo(view.x, 9);
    expect(again.y).toBeCloseTo(view.y, 9);
  });
});

describe("moving", () => {
  it("stops at each edge", () => {
    const close = { scale: 2, x: -700, y: -200 };
    expect(moved(close, 9999, 9999, picture, box)).toEqual({ scale: 2, x: 0, y: 0 });
    expect(moved(close, -9999, -9999, picture, box)).toEqual({ scale: 2, x: -1500, y: -500 });
  });
  it("moves freely between them", () => {
    expect(moved({ scale: 2, x: -700, y: -200 }, 10, -20, picture, box)).toEqual({
      scale: 2,
      x: -690,
      y: -220,
    });
  });
  it("centres the side that has room", () => {
    expect(held({ scale: 0.8, x: -50, y: -50 }, picture, box)).toEqual({ scale: 0.8, x: -50, y: 50 });
  });
});

describe("two fingers", () => {
  it("spread, and their middle moves", () => {
    const found = pinched(
      [
        { x: 0, y: 0 },
        { x: 100, y: 0 },
      ],
      [
        { x: 0, y: 20 },
        { x: 200, y: 20 },
      ],
    );
    expect(found).toEqual({ factor: 2, at: { x: 100, y: 20 }, across: 50, down: 20 });
  });
  it("on one spot change nothing", () => {
    const spot = { x: 5, y: 5 };
    expect(pinched([spot, spot], [spot, spot]).factor).toBe(1);
  });
});

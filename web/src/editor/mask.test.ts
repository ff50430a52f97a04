/** Regions: strokes, lassos, rectangles, and what they report as changed. */

import { expect, test } from "vitest";
import { bounds, disc, emptyMask, invert, isNowhere, polygon, rectangle, stroke, type Mask } from "./mask";
import { marked, runsOf } from "./runs";

const drawn = (mask: Mask): string[] =>
  Array.from({ length: mask.height }, (_, row) =>
    Array.from(mask.data.subarray(row * mask.width, (row + 1) * mask.width), (each) =>
      each ? "#" : ".",
    ).join(""),
  );

test("a disc is round and symmetrical", () => {
  const mask = emptyMask(7, 7);
  disc(mask, 3.5, 3.5, 2.5, 1);
  expect(drawn(mask)).toEqual([".......", "..###..", ".#####.", ".#####.", ".#####.", "..###..", "......."]);
});

test("even a point marks the pixel under it", () => {
  const mask = emptyMask(4, 4);
  disc(mask, 1.2, 2.9, 0.1, 1);
  expect(drawn(mask)).toEqual(["....", "....", ".#..", "...."]);
});

test("a stroke has no gaps, ends round, and erases what it marked", () => {
  const mask = emptyMask(60, 20);
  const changed = stroke(mask, { x: 5, y: 10 }, { x: 55, y: 10 }, 3, 3, 1);
  for (let x = 5; x < 55; x++) expect(mask.data[10 * 60 + x]).toBe(1);
  expect(changed).toEqual({ left: 2, top: 7, right: 58, bottom: 13 });
  expect(bounds(mask).top).toBeGreaterThanOrEqual(changed.top);
  stroke(mask, { x: 5, y: 10 }, { x: 55, y: 10 }, 4, 4, 0);
  expect(isNowhere(bounds(mask))).toBe(true);
});

test("a stroke grows with the pressure of the pen", () => {
  const mask = emptyMask(40, 20);
  stroke(mask, { x: 6, y: 10 }, { x: 34, y: 10 }, 1, 5, 1);
  const high = (x: number): number => drawn(mask).filter((row) => row[x] === "#").length;
  expect(high(6)).toBeLessThan(high(20));
  expect(high(20)).toBeLessThan(high(34));
});

test("beyond the picture nothing is marked and nothing breaks", () => {
  const mask = emptyMask(10, 10);
  disc(mask, -20, 5, 5, 1);
  stroke(mask, { x: -5, y: -5 }, { x: 30, y: -5 }, 2, 2, 1);
  rectangle(mask, { left: 12, top: 0, right: 20, bottom: 5 }, 1);
  expect(marked(runsOf(mask))).toBe(0);
  rectangle(mask, { left: -5, top: 8, right: 3, bottom: 30 }, 1);
  expect(bounds(mask)).toEqual({ left: 0, top: 8, right: 3, bottom: 10 });
});

test("a lasso fills what it goes around, whichever way, and a concave one leaves its bay", () => {
  const bay = [
    { x: 0, y: 0 },
    { x: 6, y: 0 },
    { x: 6, y: 6 },
    { x: 4, y: 6 },
    { x: 4, y: 2 },
    { x: 2, y: 2 },
    { x: 2, y: 6 },
    { x: 0, y: 6 },
  ];
  const mask = emptyMask(6, 6);
  polygon(mask, bay, 1);
  expect(drawn(mask)).toEqual(["######", "######", "##..##", "##..##", "##..##", "##..##"]);
  const back = emptyMask(6, 6);
  polygon(back, bay.toReversed(), 1);
  expect(back.data).toEqual(mask.data);
});

test("a lasso that goes around twice leaves no hole", () => {
  const turn = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => {
    const angle = (index / 5) * 2 * Math.PI;
    const far = index < 5 ? 9 : 5;
    return { x: 10 + far * Math.cos(angle), y: 10 + far * Math.sin(angle) };
  });
  const mask = emptyMask(20, 20);
  polygon(mask, turn, 1);
  expect(mask.data[10 * 20 + 10]).toBe(1);
  expect(isNowhere(polygon(mask, turn.slice(0, 2), 0))).toBe(true);
});

test("inverting twice is nothing", () => {
  const mask = emptyMask(5, 4);
  rectangle(mask, { left: 1, top: 1, right: 3, bottom: 2 }, 1);
  invert(mask);
  expect(marked(runsOf(mask))).toBe(18);
  invert(mask);
  expect(bounds(mask)).toEqual({ left: 1, top: 1, right: 3, bottom: 2 });
});

/** The colours of a region, and words about its outline. */

import { expect, test } from "vitest";
import { emptyMask, rectangle, type Box } from "./mask";
import { colourOf, lineWidth, tinted } from "./tint";

const mask = emptyMask(40, 40);
rectangle(mask, { left: 10, top: 10, right: 30, bottom: 30 }, 1);
const whole: Box = { left: 0, top: 0, right: 40, bottom: 40 };
const at = (pixels: Uint8ClampedArray, x: number, y: number): number[] => [
  ...pixels.subarray(4 * (y * 40 + x), 4 * (y * 40 + x) + 4),
];

test("inside is the colour, the edge is light, outside is nothing", () => {
  const pixels = tinted(mask, 0, whole, [200, 50, 20]);
  expect(at(pixels, 20, 21).slice(0, 3)).toEqual([200, 50, 20]);
  expect(at(pixels, 21, 21).slice(0, 3)).toEqual([0, 0, 0]); // a stripe: 42 is 7 times 6
  expect(at(pixels, 10, 20).slice(0, 3)).toEqual([255, 255, 255]);
  expect(at(pixels, 9, 20)).toEqual([0, 0, 0, 0]);
});

test("feather is fainter than what was painted, and the line goes around it", () => {
  const pixels = tinted(mask, 5, whole, [200, 50, 20]);
  const [, , , painted] = at(pixels, 11, 20);
  const [, , , widened] = at(pixels, 8, 20);
  expect(widened).toBeGreaterThan(0);
  expect(widened).toBeLessThan(painted!);
  expect(at(pixels, 5, 20)[0]).toBe(255);
  expect(at(pixels, 4, 20)[3]).toBe(0);
});

test("a part of it is the same as in the whole", () => {
  const pixels = tinted(mask, 3, whole, [1, 2, 3]);
  const part = tinted(mask, 3, { left: 5, top: 8, right: 12, bottom: 14 }, [1, 2, 3]);
  for (let y = 8; y < 14; y++)
    for (let x = 5; x < 12; x++) {
      const from = 4 * ((y - 8) * 7 + x - 5);
      expect([...part.subarray(from, from + 4)]).toEqual(at(pixels, x, y));
    }
});

test("the line is wider on large pictures, and colours are read as style sheets give them", () => {
  expect([lineWidth({ width: 256, height: 256 }), lineWidth({ width: 4096, height: 100 })]).toEqual([1, 6]);
  expect(colourOf(" #ff6a47")).toEqual([255, 106, 71]);
  expect(colourOf("rgb(1, 20, 255)")).toEqual([1, 20, 255]);
});

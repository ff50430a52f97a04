/** Feather and the PNG that is sent. */

import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { bounds, disc, emptyMask, rectangle } from "./mask";
import { greyPng, sumOf } from "./png";
import { DRAWN_FROM, reach, softened, wholeMask } from "./soften";

test("without feather the mask is what was painted", () => {
  const mask = emptyMask(6, 3);
  rectangle(mask, { left: 1, top: 1, right: 3, bottom: 2 }, 1);
  expect([...wholeMask(mask, 0)]).toEqual([...mask.data].map((each) => each * 255));
});

test("feather widens what is drawn by itself, and no more", () => {
  const mask = emptyMask(60, 60);
  rectangle(mask, { left: 25, top: 25, right: 35, bottom: 35 }, 1);
  const greys = wholeMask(mask, 6);
  const row = 30 * 60;
  expect(greys[row + 30]).toBe(255);
  expect(greys[row + 34 + 6]).toBeGreaterThanOrEqual(DRAWN_FROM);
  expect(greys[row + 34 + 7]).toBeLessThan(DRAWN_FROM);
  expect(greys[row + 25 - 6]).toBeGreaterThanOrEqual(DRAWN_FROM);
  expect(greys[row + 34 + 13]).toBe(0);
  expect(greys[20 * 60 + 20]).toBeLessThan(DRAWN_FROM); // the corner became round
  expect(greys[21 * 60 + 21]).toBeGreaterThanOrEqual(DRAWN_FROM);
});

test("a box of it is the same as that part of the whole, and reaches as far as anything is grey", () => {
  const mask = emptyMask(80, 50);
  disc(mask, 40, 25, 8, 1);
  const box = reach(mask, bounds(mask), 5);
  const whole = wholeMask(mask, 5);
  const part = softened(mask, 5, box);
  const wide = box.right - box.left;
  const cut = { left: 37, top: 20, right: 52, bottom: 33 };
  softened(mask, 5, cut).forEach((grey, index) => {
    expect(grey).toBe(whole[(cut.top + Math.floor(index / 15)) * 80 + cut.left + (index % 15)]);
  });
  let outside = 0;
  whole.forEach((grey, index) => {
    const [x, y] = [index % 80, Math.floor(index / 80)];
    const inside = x >= box.left && x < box.right && y >= box.top && y < box.bottom;
    if (inside) expect(part[(y - box.top) * wide + x - box.left]).toBe(grey);
    else outside += grey;
  });
  expect(outside).toBe(0);
});

test("the PNG is one that anybody can read", async () => {
  const greys = Uint8Array.from({ length: 12 }, (_, index) => index * 20);
  const bytes = Buffer.from(await (await greyPng(greys, 4, 3)).arrayBuffer());
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  let at = 8;
  const chunks: Record<string, Buffer> = {};
  while (at < bytes.length) {
    const length = bytes.readUInt32BE(at);
    const name = bytes.subarray(at + 4, at + 8).toString();
    chunks[name] = bytes.subarray(at + 8, at + 8 + length);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(sumOf(bytes.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  expect([
    chunks["IHDR"]!.readUInt32BE(0),
    chunks["IHDR"]!.readUInt32BE(4),
    ...chunks["IHDR"]!.subarray(8),
  ]).toEqual([4, 3, 8, 0, 0, 0, 0]);
  const lines = inflateSync(chunks["IDAT"]!);
  expect([0, 1, 2].flatMap((row) => [...lines.subarray(row * 5 + 1, row * 5 + 5)])).toEqual([...greys]);
  expect(sumOf(Buffer.from("123456789"))).toBe(0xcbf43926);
});

/** Runs survive the way through text, and what is broken is refused. */

import { expect, test } from "vitest";
import { disc, emptyMask, invert } from "./mask";
import { Past } from "./past";
import { lay, maskFrom, runsFrom, runsOf, textOf } from "./runs";

test("a region comes back from its text", () => {
  const mask = emptyMask(300, 200);
  disc(mask, 150, 100, 60, 1);
  disc(mask, 0, 0, 20, 1);
  const text = textOf(runsOf(mask));
  expect(text.length).toBeLessThan(1_000);
  expect(maskFrom(text, 300, 200)?.data).toEqual(mask.data);
  invert(mask);
  expect(maskFrom(textOf(runsOf(mask)), 300, 200)?.data).toEqual(mask.data);
});

test("nothing and everything are one run", () => {
  const mask = emptyMask(4, 4);
  expect([...runsOf(mask)]).toEqual([16]);
  invert(mask);
  expect([...runsOf(mask)]).toEqual([0, 16]);
});

test("laying forgets what was there", () => {
  const mask = emptyMask(4, 4);
  const before = runsOf(mask);
  invert(mask);
  lay(before, mask);
  expect(mask.data.some(Boolean)).toBe(false);
});

test.each(["", "%", "AAAA", "/w==", "gA==", btoa("\x10\x10"), btoa("\xff\xff\xff\xff\xff\xff\xff\xff\x7f")])(
  "%j is no text of a region of 16 pixels",
  (text) => {
    expect(runsFrom(text, 16)).toBeNull();
  },
);

test("undo and redo walk the same steps, and a new change forgets what was undone", () => {
  const past = new Past();
  const at = (value: number): Uint32Array => Uint32Array.from([value]);
  past.note(at(0));
  past.note(at(1));
  expect(past.undo(at(2))).toEqual(at(1));
  expect(past.undo(at(1))).toEqual(at(0));
  expect(past.undo(at(0))).toBeNull();
  expect(past.redo(at(0))).toEqual(at(1));
  past.note(at(1));
  expect(past.canRedo).toBe(false);
  expect(past.redo(at(7))).toBeNull();
});

test("a hundred steps are kept, and fewer where they are large", () => {
  const past = new Past();
  for (let step = 0; step < 150; step++) past.note(Uint32Array.from([step]));
  let steps = 0;
  while (past.undo(Uint32Array.from([0]))) steps++;
  expect(steps).toBe(100);
  const large = new Past();
  for (let step = 0; step < 5; step++) large.note(new Uint32Array(1_500_000));
  steps = 0;
  while (large.undo(Uint32Array.from([0]))) steps++;
  expect(steps).toBe(2);
});

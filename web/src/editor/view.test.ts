/** Zoom and pan hold the point that they should hold. */

import { expect, test } from "vitest";
import { fitted, held, onPicture, pinched, SCALE_MAX, zoomed } from "./view";
import { wordsOf } from "../api/prompts";
import { newWords } from "./wording";

const stage = { width: 800, height: 600 };
const picture = { width: 320, height: 224 };

test("fitting shows all of it in the middle, with the room of a frame", () => {
  const view = fitted(stage, 20, { left: 0, top: 0, ...picture });
  expect(view.scale).toBeCloseTo(760 / 320);
  expect(onPicture(view, { x: 400, y: 300 })).toEqual({ x: 160, y: 112 });
  const framed = fitted(stage, 0, { left: 160, top: 0, width: 480, height: 224 });
  expect(onPicture(framed, { x: 400, y: 300 }).x).toBeCloseTo(80);
});

test("a tiny picture is not blown up without end, a large one fits", () => {
  expect(fitted(stage, 0, { left: 0, top: 0, width: 16, height: 16 }).scale).toBe(4);
  expect(fitted(stage, 0, { left: 0, top: 0, width: 8192, height: 8192 }).scale).toBeLessThan(0.08);
});

test("zooming holds the point under the pointer, up to the limit", () => {
  const view = { scale: 1, x: 100, y: 50 };
  const at = { x: 333, y: 222 };
  const before = onPicture(view, at);
  const after = onPicture(zoomed(view, 2.5, at), at);
  expect(after.x).toBeCloseTo(before.x);
  expect(after.y).toBeCloseTo(before.y);
  expect(zoomed(view, 1_000, at).scale).toBe(SCALE_MAX);
});

test("two fingers carry the pixels under them", () => {
  const view = { scale: 2, x: 10, y: 20 };
  const was = [
    { x: 100, y: 100 },
    { x: 200, y: 100 },
  ] as const;
  const now = [
    { x: 80, y: 160 },
    { x: 280, y: 160 },
  ] as const;
  const after = pinched(view, was, now);
  expect(after.scale).toBe(4);
  for (const finger of [0, 1] as const) {
    const before = onPicture(view, was[finger]);
    expect(onPicture(after, now[finger]).x).toBeCloseTo(before.x);
    expect(onPicture(after, now[finger]).y).toBeCloseTo(before.y);
  }
});

test("a picture cannot be dragged out of sight", () => {
  expect(held({ scale: 1, x: 5_000, y: -5_000 }, stage, picture)).toEqual({ scale: 1, x: 752, y: -176 });
  expect(held({ scale: 1, x: 12, y: 13 }, stage, picture)).toEqual({ scale: 1, x: 12, y: 13 });
});

test("the words of a prompt are neither its parameters nor its pictures", () => {
  expect(wordsOf("a red fox --ar 3:2 --v mini-1")).toBe("a red fox");
  expect(wordsOf("upload:01a2 https://x.example/a.png a well-lit hall --no cats -- dogs")).toBe(
    "a well-lit hall",
  );
  expect(wordsOf("--ar 3:2 --sref upload:1")).toBe("");
});

test("old words are not sent as new ones", () => {
  expect(newWords(" a red fox ", "a red fox --ar 3:2")).toBeUndefined();
  expect(newWords("", "a red fox")).toBeUndefined();
  expect(newWords("a blue cat", "a red fox")).toBe("a blue cat");
});

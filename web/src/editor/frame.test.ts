/** The frame: the same canvases as the service makes (frame.cases.json is written by its own arithmetic), and what a drag means. */

import { expect, test } from "vitest";
import cases from "./frame.cases.json";
import {
  actionOf,
  around,
  canvasOf,
  dragged,
  marginsOf,
  nudged,
  shrinks,
  zoomLeast,
  type Extension,
} from "./frame";

const extension = (kind: string, zoom: number): Extension =>
  (kind === "around" ? { kind, zoom } : { kind }) as Extension;

test.each(cases as [number, number, string, number, number[]][])(
  "%i x %i %s %d",
  (width, height, kind, zoom, is) => {
    const made = canvasOf({ width, height }, extension(kind, zoom));
    expect([made.width, made.height, made.left, made.top, made.innerWidth, made.innerHeight]).toEqual(is);
  },
);

const fox = { width: 320, height: 224 };

test("corners zoom by the side that was dragged further, within what there is", () => {
  expect(dragged(fox, "se", { x: 320 + 80, y: 224 })).toEqual({ kind: "around", zoom: 1.5 });
  expect(dragged(fox, "nw", { x: 0, y: -112 })).toEqual({ kind: "around", zoom: 2 });
  expect(dragged(fox, "ne", { x: 5_000, y: -5_000 })).toEqual({ kind: "around", zoom: 2 });
  expect(dragged(fox, "sw", { x: 100, y: 120 })).toEqual({ kind: "none" });
});

test("edges snap to half a side, to a square where that grows there, or to nothing", () => {
  expect(dragged(fox, "e", { x: 320 + 150, y: 0 })).toEqual({ kind: "right" });
  expect(dragged(fox, "w", { x: -100, y: 0 })).toEqual({ kind: "left" });
  expect(dragged(fox, "w", { x: -30, y: 0 })).toEqual({ kind: "none" });
  expect(dragged(fox, "n", { x: 0, y: -50 })).toEqual({ kind: "square" });
  expect(dragged(fox, "n", { x: 0, y: -110 })).toEqual({ kind: "up" });
  expect(dragged(fox, "s", { x: 0, y: 224 + 10 })).toEqual({ kind: "none" });
  expect(dragged({ width: 256, height: 256 }, "s", { x: 0, y: 300 })).toEqual({ kind: "none" });
});

test("margins are in pixels of the picture, also where the canvas shrinks it", () => {
  expect(marginsOf(fox, { kind: "right" })).toEqual({ left: 0, top: 0, right: 160, bottom: 0 });
  const large = { width: 2_048, height: 1_024 };
  const zoom: Extension = { kind: "around", zoom: 2 };
  expect(marginsOf(large, zoom)).toEqual({ left: 1_024, top: 512, right: 1_024, bottom: 512 });
  expect(shrinks(large, canvasOf(large, zoom))).toBe(true);
  expect(shrinks(fox, canvasOf(fox, zoom))).toBe(false);
});

test("a zoom has steps, and never less than the service takes", () => {
  expect(around(fox, 1.02)).toEqual({ kind: "none" });
  expect(around(fox, 1.33)).toEqual({ kind: "around", zoom: 1.35 });
  expect(around(fox, Number.NaN)).toEqual({ kind: "none" });
  expect(zoomLeast({ width: 1_000, height: 37 })).toBe(1.09);
  expect(around({ width: 1_000, height: 37 }, 1.05)).toEqual({ kind: "around", zoom: 1.09 });
});

test("arrows pan, and the opposite arrow takes it back", () => {
  expect(nudged({ kind: "none" }, "left")).toEqual({ kind: "left" });
  expect(nudged({ kind: "left" }, "right")).toEqual({ kind: "none" });
  expect(nudged({ kind: "square" }, "up")).toEqual({ kind: "up" });
});

test("each is an action of the service", () => {
  expect(actionOf({ kind: "none" })).toBeNull();
  expect(actionOf({ kind: "around", zoom: 1.4 })).toEqual({ action: "zoom_out", zoom: 1.4 });
  expect(actionOf({ kind: "square" })).toEqual({ action: "make_square" });
  expect(actionOf({ kind: "down" })).toEqual({ action: "pan", direction: "down" });
});

/** The frame around a picture: what the service can extend, how large it gets, and which of it a drag or a number means. Pure. */

import type { Point } from "./mask";
import type { Size } from "./view";

/** An action that extends a picture. `zoom` is above 1 and at most 2. */
export type Extension =
  | { kind: "around"; zoom: number }
  | { kind: "left" | "right" | "up" | "down" }
  | { kind: "square" }
  | { kind: "none" };

export type Handle = "n" | "s" | "w" | "e" | "nw" | "ne" | "sw" | "se";
export const HANDLES: readonly Handle[] = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/** The canvas, and where the old picture lies on it, as the service has it (docs/actions.md; even numbers of pixels). */
export interface Canvas extends Size {
  left: number;
  top: number;
  innerWidth: number;
  innerHeight: number;
}

const CANVAS_MAX = 2_048;
const PAN_SHARE = 0.5;
const ADDED_LEAST_PX = 2;
export const ZOOM_MAX = 2;
export const ZOOM_STEP = 0.05;

/** What the service would make of a picture. */
export function canvasOf(picture: Size, extension: Extension): Canvas {
  const { width, height } = picture;
  switch (extension.kind) {
    case "none":
      return { width, height, left: 0, top: 0, innerWidth: width, innerHeight: height };
    case "around":
      return framed(width * extension.zoom, height * extension.zoom, picture, 0.5, 0.5);
    case "square": {
      const side = Math.max(width, height);
      return framed(side, side, picture, 0.5, 0.5);
    }
    case "left":
    case "right":
      return framed(width * (1 + PAN_SHARE), height, picture, extension.kind === "left" ? 1 : 0, 0);
    case "up":
    case "down":
      return framed(width, height * (1 + PAN_SHARE), picture, 0, extension.kind === "up" ? 1 : 0);
  }
}

function framed(wide: number, high: number, picture: Size, across: number, down: number): Canvas {
  let { width, height } = picture;
  const share = Math.min(1, CANVAS_MAX / Math.max(evenUp(wide), evenUp(high)));
  if (share < 1) {
    wide *= share;
    high *= share;
    width = evenDown(width * share);
    height = evenDown(height * share);
  }
  const canvas = { width: evenUp(wide), height: evenUp(high) };
  return {
    ...canvas,
    left: placed(canvas.width - width, across),
    top: placed(canvas.height - height, down),
    innerWidth: width,
    innerHeight: height,
  };
}

const rounded = (number: number): number => Math.round(number * 1e6) / 1e6;
const evenUp = (pixels: number): number => 2 * Math.ceil(rounded(pixels / 2));
const evenDown = (pixels: number): number => Math.max(2, 2 * Math.floor(rounded(pixels / 2)));
const placed = (room: number, share: number): number =>
  share === 1 ? room : 2 * Math.floor((room * share) / 2);

/** Whether the old picture keeps every pixel, or shrinks because the canvas would be too large. */
export const shrinks = (picture: Size, canvas: Canvas): boolean => canvas.innerWidth < picture.width;

/** How far the canvas reaches beyond the picture on each side, in pixels of the picture. */
export function marginsOf(
  picture: Size,
  extension: Extension,
): Record<"left" | "top" | "right" | "bottom", number> {
  const canvas = canvasOf(picture, extension);
  const by = picture.width / canvas.innerWidth;
  return {
    left: canvas.left * by,
    top: canvas.top * by,
    right: (canvas.width - canvas.left - canvas.innerWidth) * by,
    bottom: (canvas.height - canvas.top - canvas.innerHeight) * by,
  };
}

/** The least zoom that adds enough on every side. */
export function zoomLeast(picture: Size): number {
  for (let percent = 1; percent <= 100; percent++) {
    const canvas = canvasOf(picture, { kind: "around", zoom: 1 + percent / 100 });
    const right = canvas.width - canvas.left - canvas.innerWidth;
    const bottom = canvas.height - canvas.top - canvas.innerHeight;
    if (Math.min(canvas.left, canvas.top, right, bottom) >= ADDED_LEAST_PX) return 1 + percent / 100;
  }
  return ZOOM_MAX;
}

/** A zoom in the range that there is, none below half of the least step. */
export function around(picture: Size, zoom: number): Extension {
  if (!Number.isFinite(zoom) || zoom < 1 + ZOOM_STEP / 2) return { kind: "none" };
  const stepped = Math.round(zoom / ZOOM_STEP) * ZOOM_STEP;
  const least = zoomLeast(picture);
  return { kind: "around", zoom: rounded(Math.min(ZOOM_MAX, Math.max(least, stepped))) };
}

/** What dragging a handle so far outwards means, in pixels of the picture: corners zoom, edges snap to what exists on their side. */
export function dragged(picture: Size, handle: Handle, to: Point): Extension {
  if (handle.length === 2) {
    const x = Math.abs(to.x - picture.width / 2) / (picture.width / 2);
    const y = Math.abs(to.y - picture.height / 2) / (picture.height / 2);
    return around(picture, Math.max(x, y));
  }
  const out = { n: -to.y, s: to.y - picture.height, w: -to.x, e: to.x - picture.width }[
    handle as "n" | "s" | "w" | "e"
  ];
  const side = ({ n: "top", s: "bottom", w: "left", e: "right" } as const)[handle as "n" | "s" | "w" | "e"];
  const pan = ({ n: "up", s: "down", w: "left", e: "right" } as const)[handle as "n" | "s" | "w" | "e"];
  const possible: Extension[] = [{ kind: "none" }, { kind: pan }];
  if (squareGrows(picture, handle)) possible.push({ kind: "square" });
  const off = (each: Extension): number => Math.abs(marginsOf(picture, each)[side] - out);
  return possible.reduce((best, each) => (off(each) < off(best) ? each : best));
}

const squareGrows = (picture: Size, handle: Handle): boolean =>
  handle === "w" || handle === "e" ? picture.width < picture.height : picture.height < picture.width;

/** An arrow key: the canvas grows that way; the opposite key takes it back first. */
export function nudged(now: Extension, way: "left" | "right" | "up" | "down"): Extension {
  const opposite = { left: "right", right: "left", up: "down", down: "up" } as const;
  return now.kind === opposite[way] ? { kind: "none" } : { kind: way };
}

/** The action's name and fields, as the service takes them; null where nothing is added. */
export function actionOf(
  extension: Extension,
):
  | { action: "zoom_out"; zoom: number }
  | { action: "pan"; direction: "left" | "right" | "up" | "down" }
  | { action: "make_square" }
  | null {
  switch (extension.kind) {
    case "none":
      return null;
    case "around":
      return { action: "zoom_out", zoom: extension.zoom };
    case "square":
      return { action: "make_square" };
    default:
      return { action: "pan", direction: extension.kind };
  }
}

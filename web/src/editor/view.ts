/** Where a picture lies on the stage: how much it is enlarged, and where its corner is. Pure. */

import type { Point } from "./mask";

export interface View {
  /** Pixels of the stage for one of the picture. */
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export const SCALE_MAX = 32;
export const ZOOM_KEY = 1.25; // by how much a key or a button zooms
const SCALE_LEAST = 0.02;
const FIT_MAX = 4; // a small picture is not blown up beyond this by itself
const IN_SIGHT_PX = 48; // of the picture that stay on the stage, wherever it is dragged

/** The largest view with a room in sight, in the middle, with a margin: the picture, or more, which begins `left` and `top` before its corner. */
export function fitted(stage: Size, margin: number, room: { left: number; top: number } & Size): View {
  const scale = Math.min(
    FIT_MAX,
    Math.max(SCALE_LEAST, (stage.width - 2 * margin) / room.width),
    Math.max(SCALE_LEAST, (stage.height - 2 * margin) / room.height),
  );
  return {
    scale,
    x: (stage.width - room.width * scale) / 2 + room.left * scale,
    y: (stage.height - room.height * scale) / 2 + room.top * scale,
  };
}

/** Enlarged by a factor, with the point of the stage held where it is. */
export function zoomed(view: View, factor: number, at: Point): View {
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_LEAST, view.scale * factor));
  const by = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by };
}

/** Kept so that some of the picture stays in sight. */
export function held(view: View, stage: Size, picture: Size): View {
  const wide = picture.width * view.scale;
  const high = picture.height * view.scale;
  const x = Math.min(IN_SIGHT_PX, wide);
  const y = Math.min(IN_SIGHT_PX, high);
  return {
    scale: view.scale,
    x: Math.min(stage.width - x, Math.max(x - wide, view.x)),
    y: Math.min(stage.height - y, Math.max(y - high, view.y)),
  };
}

/** A point of the stage in pixels of the picture. */
export const onPicture = (view: View, at: Point): Point => ({
  x: (at.x - view.x) / view.scale,
  y: (at.y - view.y) / view.scale,
});

/** Two fingers moved from `was` to `now`: the picture follows both. */
export function pinched(view: View, was: readonly [Point, Point], now: readonly [Point, Point]): View {
  const middle = ([a, b]: readonly [Point, Point]): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const apart = ([a, b]: readonly [Point, Point]): number => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const from = middle(was);
  const to = middle(now);
  const moved = { ...view, x: view.x + to.x - from.x, y: view.y + to.y - from.y };
  return zoomed(moved, apart(now) / apart(was), to);
}

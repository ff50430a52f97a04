/** Geometry of looking closely: how a picture lies in a box, magnified around a point and moved. Pure; knows no page.

A point p of the picture (in its pixels) is seen at p * scale + (x, y) of the box (in CSS pixels). */

export interface Size {
  width: number;
  height: number;
}
export interface Point {
  x: number;
  y: number;
}
export interface View {
  scale: number;
  x: number;
  y: number;
}

/** CSS pixels that one pixel of a picture takes at most, unless fitting it takes more. */
const CLOSEST = 16;
/** A tiny picture that fills a wide screen would be a blur: it is enlarged this much and no more. */
const FIT_MOST = 4;

/** The scale at which the whole picture is seen, as large as may be. */
export function fitting(picture: Size, box: Size): number {
  const scale = Math.min(box.width / picture.width, box.height / picture.height, FIT_MOST);
  return Number.isFinite(scale) && scale > 0 ? scale : 1;
}

/** The whole picture, in the middle. */
export function fitted(picture: Size, box: Size): View {
  return held({ scale: fitting(picture, box), x: 0, y: 0 }, picture, box);
}

/** The view with another scale, the point of the box `at` showing what it showed. */
export function scaledAt(view: View, scale: number, at: Point): View {
  const share = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * share, y: at.y - (at.y - view.y) * share };
}

/** Magnified by a factor around a point of the box: never smaller than fitting, never absurdly close. */
export function zoomed(view: View, factor: number, at: Point, picture: Size, box: Size): View {
  const least = fitting(picture, box);
  const scale = Math.min(Math.max(view.scale * factor, least), Math.max(CLOSEST, least));
  return held(scaledAt(view, scale, at), picture, box);
}

/** Moved, no further than the picture's edge. */
export function moved(view: View, across: number, down: number, picture: Size, box: Size): View {
  return held({ ...view, x: view.x + across, y: view.y + down }, picture, box);
}

/** The view without gaps: what is smaller than the box lies in its middle, what is larger fills it. */
export function held(view: View, picture: Size, box: Size): View {
  return {
    scale: view.scale,
    x: within(view.x, picture.width * view.scale, box.width),
    y: within(view.y, picture.height * view.scale, box.height),
  };
}

function within(at: number, length: number, room: number): number {
  if (length <= room) return (room - length) / 2;
  return Math.min(0, Math.max(room - length, at));
}

/** Whether there is more of the picture than the box shows. */
export function isClose(view: View, picture: Size, box: Size): boolean {
  return view.scale > fitting(picture, box) * 1.001;
}

/** What two fingers did: by how much they spread, where their middle is, and how far that moved. */
export function pinched(from: readonly [Point, Point], to: readonly [Point, Point]) {
  const [before, now] = [middle(from), middle(to)];
  const spread = apart(from);
  return {
    factor: spread > 0 ? apart(to) / spread : 1,
    at: now,
    across: now.x - before.x,
    down: now.y - before.y,
  };
}

const middle = ([a, b]: readonly [Point, Point]): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const apart = ([a, b]: readonly [Point, Point]): number => Math.hypot(a.x - b.x, a.y - b.y);

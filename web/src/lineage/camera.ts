/** How a large drawing lies in a smaller box: fitted, brought near, never lost out of sight. Pure. */

import { scaledAt, type Point, type Size, type View } from "../lightbox/zoom";

const FARTHEST = 0.08;
const CLOSEST = 2.5;
const LEGIBLE = 0.7; // below it labels cannot be read: then a part is shown instead of all
const FIT_MOST = 1.15;
const IN_SIGHT_PX = 90; // of the drawing, that always stays in the box
const NEAR_PX = 260; // beyond the box, that is drawn all the same, so that a quick move shows no gaps
const MARGIN_PX = 40; // around what is brought near

/** All of it where that can be read, else the surroundings of a point. */
export function opening(world: Size, box: Size, around: Point): View {
  const fit = Math.min(box.width / world.width, box.height / world.height, FIT_MOST);
  if (fit >= LEGIBLE) return centred(world, box, fit);
  const scale = box.width < 600 ? LEGIBLE + 0.1 : 1;
  return {
    scale,
    x: filled(box.width / 2 - around.x * scale, world.width * scale, box.width),
    y: filled(box.height / 2 - around.y * scale, world.height * scale, box.height),
  };
}

/** Where a length begins in a room: in its middle where it fits, else near `at`, but with no room left empty at its ends. */
function filled(at: number, length: number, room: number): number {
  if (length <= room) return (room - length) / 2;
  return Math.min(0, Math.max(room - length, at));
}

/** All of it, however small. */
export function whole(world: Size, box: Size): View {
  const scale = Math.min(box.width / world.width, box.height / world.height, FIT_MOST);
  return centred(world, box, Math.max(FARTHEST, scale));
}

function centred(world: Size, box: Size, scale: number): View {
  const x = (box.width - world.width * scale) / 2;
  const y = (box.height - world.height * scale) / 2;
  return { scale, x, y };
}

export function zoomedTo(view: View, factor: number, at: Point, world: Size, box: Size): View {
  const scale = Math.min(CLOSEST, Math.max(FARTHEST, view.scale * factor));
  return kept(scaledAt(view, scale, at), world, box);
}

export function movedBy(view: View, across: number, down: number, world: Size, box: Size): View {
  return kept({ ...view, x: view.x + across, y: view.y + down }, world, box);
}

/** Moved as little as makes a rectangle of the drawing seen. */
export function revealing(view: View, rect: Point & Size, world: Size, box: Size): View {
  const shift = (from: number, length: number, first: number, last: number): number => {
    if (from < first) return first - from;
    return from + length > last ? Math.max(last - from - length, first - from) : 0;
  };
  const [x, y] = [rect.x * view.scale + view.x, rect.y * view.scale + view.y];
  const across = shift(x, rect.width * view.scale, MARGIN_PX, box.width - MARGIN_PX);
  const down = shift(y, rect.height * view.scale, MARGIN_PX, box.height - MARGIN_PX);
  return across || down ? movedBy(view, across, down, world, box) : view;
}

/** Whether a rectangle of the drawing lies in the box, or near it. */
export function inSight(view: View, rect: Point & Size, box: Size): boolean {
  const [x, y] = [rect.x * view.scale + view.x, rect.y * view.scale + view.y];
  return (
    x < box.width + NEAR_PX &&
    y < box.height + NEAR_PX &&
    x + rect.width * view.scale > -NEAR_PX &&
    y + rect.height * view.scale > -NEAR_PX
  );
}

/** The view under which a point that has moved in the drawing stays where it was seen. */
export function following(view: View, before: Point, now: Point): View {
  if (before.x === now.x && before.y === now.y) return view;
  return {
    scale: view.scale,
    x: view.x + (before.x - now.x) * view.scale,
    y: view.y + (before.y - now.y) * view.scale,
  };
}

function kept(view: View, world: Size, box: Size): View {
  const within = (at: number, length: number, room: number): number =>
    Math.min(room - IN_SIGHT_PX, Math.max(IN_SIGHT_PX - length, at));
  return {
    scale: view.scale,
    x: within(view.x, world.width * view.scale, box.width),
    y: within(view.y, world.height * view.scale, box.height),
  };
}

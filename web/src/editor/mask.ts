/** A region of a picture, one byte a pixel at the picture's true size: 1 is drawn anew, 0 stays. Knows no canvas. */

export interface Point {
  x: number;
  y: number;
}

/** Pixels from (left, top) up to, and without, (right, bottom). */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export type Mark = 0 | 1;

const STAMPS_PER_RADIUS = 4; // so close together that the edge of a stroke is smooth

export const emptyMask = (width: number, height: number): Mask => ({
  width,
  height,
  data: new Uint8Array(width * height),
});

export const NOWHERE: Box = { left: 0, top: 0, right: 0, bottom: 0 };
export const isNowhere = (box: Box): boolean => box.right <= box.left || box.bottom <= box.top;

/** The smallest box around both. */
export function around(a: Box, b: Box): Box {
  if (isNowhere(a)) return b;
  if (isNowhere(b)) return a;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** The part of a box that lies on the picture, in whole pixels. */
export function within(mask: { width: number; height: number }, box: Box): Box {
  return {
    left: Math.max(0, Math.floor(box.left)),
    top: Math.max(0, Math.floor(box.top)),
    right: Math.min(mask.width, Math.ceil(box.right)),
    bottom: Math.min(mask.height, Math.ceil(box.bottom)),
  };
}

/** Marks a disc; at least the pixel under it. Says which box may have changed, as all that follow do. */
export function disc(mask: Mask, x: number, y: number, radius: number, mark: Mark): Box {
  const reach = Math.max(radius, 0.5);
  const box = within(mask, { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach });
  for (let row = box.top; row < box.bottom; row++) {
    const down = row + 0.5 - y;
    if (Math.abs(down) > reach) continue;
    const half = Math.sqrt(reach * reach - down * down);
    span(mask, row, x - half, x + half, mark);
  }
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (column >= 0 && row >= 0 && column < mask.width && row < mask.height)
    mask.data[row * mask.width + column] = mark;
  return box;
}

/** Marks a line of round ends whose radius goes from one to the other. */
export function stroke(
  mask: Mask,
  from: Point,
  to: Point,
  fromRadius: number,
  toRadius: number,
  mark: Mark,
): Box {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const step = Math.max(0.5, Math.min(fromRadius, toRadius) / STAMPS_PER_RADIUS);
  const stamps = Math.max(1, Math.ceil(length / step));
  let changed = NOWHERE;
  for (let index = 0; index <= stamps; index++) {
    const share = index / stamps;
    const radius = fromRadius + (toRadius - fromRadius) * share;
    changed = around(
      changed,
      disc(mask, from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share, radius, mark),
    );
  }
  return changed;
}

/** Marks all that the points go around, also where their line crosses itself (nonzero winding). */
export function polygon(mask: Mask, points: readonly Point[], mark: Mark): Box {
  if (points.length < 3) return NOWHERE;
  const ys = points.map((each) => each.y);
  const xs = points.map((each) => each.x);
  const box = within(mask, {
    left: Math.min(...xs),
    top: Math.min(...ys),
    right: Math.max(...xs),
    bottom: Math.max(...ys),
  });
  for (let row = box.top; row < box.bottom; row++) {
    let winding = 0;
    let begun = 0;
    for (const { x, way } of crossings(points, row + 0.5)) {
      if (winding === 0) begun = x;
      winding += way;
      if (winding === 0) span(mask, row, begun, x, mark);
    }
  }
  return box;
}

export function rectangle(mask: Mask, box: Box, mark: Mark): Box {
  const inside = within(mask, {
    left: Math.round(box.left),
    top: Math.round(box.top),
    right: Math.round(box.right),
    bottom: Math.round(box.bottom),
  });
  for (let row = inside.top; row < inside.bottom; row++) {
    if (inside.right > inside.left) {
      mask.data.fill(mark, row * mask.width + inside.left, row * mask.width + inside.right);
    }
  }
  return inside;
}

export function invert(mask: Mask): Box {
  const { data } = mask;
  for (let index = 0; index < data.length; index++) data[index] = data[index]! ^ 1;
  return { left: 0, top: 0, right: mask.width, bottom: mask.height };
}

/** The smallest box that holds all that is marked; empty where nothing is. */
export function bounds(mask: Mask): Box {
  const { width, height, data } = mask;
  const first = data.indexOf(1);
  if (first < 0) return NOWHERE;
  const top = Math.floor(first / width);
  const bottom = Math.floor(data.lastIndexOf(1) / width) + 1;
  let left = width;
  let right = 0;
  for (let row = top; row < Math.min(bottom, height); row++) {
    const begin = row * width;
    for (let column = 0; column < left; column++) {
      if (data[begin + column]) left = column;
    }
    for (let column = width - 1; column >= right; column--) {
      if (data[begin + column]) right = column + 1;
    }
  }
  return { left, top, right, bottom };
}

/** Marks the pixels of a row whose middle lies between two places. */
function span(mask: Mask, row: number, from: number, to: number, mark: Mark): void {
  const left = Math.max(0, Math.ceil(from - 0.5));
  const right = Math.min(mask.width, Math.floor(to - 0.5) + 1);
  if (right > left) mask.data.fill(mark, row * mask.width + left, row * mask.width + right);
}

/** Where a level line meets the edges, from left to right, and whether the edge goes down (1) or up (-1). */
function crossings(points: readonly Point[], y: number): { x: number; way: 1 | -1 }[] {
  const found: { x: number; way: 1 | -1 }[] = [];
  for (let index = 0; index < points.length; index++) {
    const a = points[index]!;
    const b = points[(index + 1) % points.length]!;
    if (a.y <= y === b.y <= y) continue;
    found.push({ x: a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x), way: b.y > a.y ? 1 : -1 });
  }
  return found.sort((first, second) => first.x - second.x);
}

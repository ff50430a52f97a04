/** Feather: how a region becomes the mask that is sent.

The service draws what is at least middle grey (128) anew and blends its seam just inside of that, so a soft edge is one that
falls from white at what was painted through 128 at `feather` pixels from it: the region is widened by that much, its corners
become round, and the seam lies outside what was painted. */

import { isNowhere, within, type Box, type Mask } from "./mask";

export const DRAWN_FROM = 128; // the service's threshold
const FAR = 1e6; // more than any picture is wide

/** Grey of each pixel within a box, row after row: 255 in the region, falling to 0 at twice the feather. */
export function softened(mask: Mask, feather: number, box: Box): Uint8Array {
  const wide = box.right - box.left;
  const high = box.bottom - box.top;
  const greys = new Uint8Array(Math.max(0, wide * high));
  if (isNowhere(box)) return greys;
  if (feather <= 0) {
    for (let row = 0; row < high; row++) {
      const from = (box.top + row) * mask.width + box.left;
      for (let column = 0; column < wide; column++)
        greys[row * wide + column] = 255 * mask.data[from + column]!;
    }
    return greys;
  }
  const seen = reach(mask, box, feather); // what lies beside the box is near its pixels, too
  const away = distances(mask, seen);
  const fall = (255 - DRAWN_FROM) / feather;
  for (let row = 0; row < high; row++) {
    const from = (box.top - seen.top + row) * (seen.right - seen.left) + box.left - seen.left;
    for (let column = 0; column < wide; column++) {
      greys[row * wide + column] = Math.max(0, 255 - Math.sqrt(away[from + column]!) * fall);
    }
  }
  return greys;
}

/** The box that whatever changes in another may reach with its feather. */
export function reach(mask: Mask, box: Box, feather: number): Box {
  if (isNowhere(box)) return box;
  const more = 2 * feather + 1;
  return within(mask, {
    left: box.left - more,
    top: box.top - more,
    right: box.right + more,
    bottom: box.bottom + more,
  });
}

/** The whole picture's mask, as the service gets it. */
export function wholeMask(mask: Mask, feather: number): Uint8Array {
  return softened(mask, feather, { left: 0, top: 0, right: mask.width, bottom: mask.height });
}

/** The squared distance of each pixel of a box from the region's part in it: first along rows, then as the lower envelope of
parabolas along columns (Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions, 2012). */
function distances(mask: Mask, box: Box): Float64Array {
  const wide = box.right - box.left;
  const high = box.bottom - box.top;
  const away = new Float64Array(wide * high);
  for (let row = 0; row < high; row++) alongRow(mask, box, row, away.subarray(row * wide, (row + 1) * wide));
  const column = new Float64Array(high);
  for (let at = 0; at < wide; at++) {
    for (let row = 0; row < high; row++) column[row] = away[row * wide + at]!;
    const lowest = envelope(column);
    for (let row = 0; row < high; row++) away[row * wide + at] = lowest[row]!;
  }
  return away;
}

function alongRow(mask: Mask, box: Box, row: number, squared: Float64Array): void {
  const from = (box.top + row) * mask.width + box.left;
  let steps = FAR;
  for (let at = 0; at < squared.length; at++) {
    steps = mask.data[from + at] ? 0 : steps + 1;
    squared[at] = steps;
  }
  steps = FAR;
  for (let at = squared.length - 1; at >= 0; at--) {
    steps = squared[at] === 0 ? 0 : steps + 1;
    squared[at] = Math.min(squared[at]!, steps) ** 2;
  }
}

function envelope(heights: Float64Array): Float64Array {
  const roots = new Int32Array(heights.length); // of the parabolas that are lowest somewhere
  const begins = new Float64Array(heights.length + 1); // where each of them begins to be
  let last = 0;
  begins[0] = -Infinity;
  begins[1] = Infinity;
  for (let at = 1; at < heights.length; at++) {
    let meet = 0;
    do {
      const root = roots[last]!;
      meet = (heights[at]! + at * at - heights[root]! - root * root) / (2 * (at - root));
    } while (meet <= begins[last]! && last-- > 0);
    roots[++last] = at;
    begins[last] = meet;
    begins[last + 1] = Infinity;
  }
  const lowest = new Float64Array(heights.length);
  for (let at = 0, on = 0; at < heights.length; at++) {
    while (begins[on + 1]! < at) on++;
    lowest[at] = (at - roots[on]!) ** 2 + heights[roots[on]!]!;
  }
  return lowest;
}

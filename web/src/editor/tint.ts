/** How a region looks over its picture: filled and striped where it was painted, fainter where feather widens it, with a light
line around all. */

import { isNowhere, within, type Box, type Mask } from "./mask";
import { DRAWN_FROM, softened } from "./soften";

export type Colour = readonly [red: number, green: number, blue: number];

const PAINTED_ALPHA = 132;
const WIDENED_ALPHA = 72;
const LINE_ALPHA = 235;
const STRIPE_ALPHA = 150; // dark stripes: a region in a picture of its own colour is to be seen, too
const STRIPE_SHARE = 40; // of the longer side, from stripe to stripe
const LINE_SHARE = 700; // of the longer side: the line is to be seen on large pictures, too

export const lineWidth = (mask: { width: number; height: number }): number =>
  Math.max(1, Math.round(Math.max(mask.width, mask.height) / LINE_SHARE));

/** Red, green, blue, alpha of each pixel within a box of the picture. */
export function tinted(
  mask: Mask,
  feather: number,
  box: Box,
  colour: Colour,
): Uint8ClampedArray<ArrayBuffer> {
  const wide = box.right - box.left;
  const pixels = new Uint8ClampedArray(Math.max(0, wide * (box.bottom - box.top)) * 4);
  if (isNowhere(box)) return pixels;
  const line = lineWidth(mask);
  const apart = Math.max(6, Math.round(Math.max(mask.width, mask.height) / STRIPE_SHARE));
  const seen = within(mask, {
    left: box.left - line,
    top: box.top - line,
    right: box.right + line,
    bottom: box.bottom + line,
  });
  const greys = softened(mask, feather, seen);
  const across = seen.right - seen.left;
  const inks = [
    [255, 255, 255, LINE_ALPHA],
    [0, 0, 0, STRIPE_ALPHA],
    [...colour, PAINTED_ALPHA],
    [...colour, WIDENED_ALPHA],
  ];
  const [light, dark, painted, widened] = new Uint32Array(Uint8Array.from(inks.flat()).buffer);
  const words = new Uint32Array(pixels.buffer); // a pixel at a time: strokes on large pictures change many
  for (let y = box.top; y < box.bottom; y++) {
    // beyond the picture there is nothing to draw a line against: there, a pixel is compared with itself
    const up = y - line >= seen.top ? -line * across : 0;
    const down = y + line < seen.bottom ? line * across : 0;
    for (let x = box.left; x < box.right; x++) {
      const at = (y - seen.top) * across + x - seen.left;
      if (greys[at]! < DRAWN_FROM) continue;
      const left = x - line >= seen.left ? at - line : at;
      const right = x + line < seen.right ? at + line : at;
      const least = Math.min(greys[at + up]!, greys[at + down]!, greys[left]!, greys[right]!);
      const isPainted = mask.data[y * mask.width + x] === 1;
      const isStripe = isPainted && (x + y) % apart < line;
      const ink = least < DRAWN_FROM ? light : isStripe ? dark : isPainted ? painted : widened;
      words[(y - box.top) * wide + x - box.left] = ink!;
    }
  }
  return pixels;
}

/** `#rrggbb` or `rgb(r, g, b)`, as style sheets give it back. */
export function colourOf(text: string): Colour {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text.trim());
  const parts = hex ? hex.slice(1).map((each) => parseInt(each, 16)) : (text.match(/\d+/g) ?? []).map(Number);
  return [parts[0] ?? 255, parts[1] ?? 106, parts[2] ?? 71];
}

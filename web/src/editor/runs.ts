/** A region in a few bytes: the lengths of its runs, first of what stays, then of what is drawn, in turn. As text for the browser's storage. */

import { emptyMask, type Mask } from "./mask";

/** Lengths of the runs, row after row, beginning with a run of zeros (perhaps of none). */
export type Runs = Uint32Array;

export function runsOf(mask: Mask): Runs {
  const runs: number[] = [];
  const { data } = mask;
  let value = 0;
  let begun = 0;
  while (begun < data.length) {
    const found = data.indexOf(value ^ 1, begun);
    const end = found < 0 ? data.length : found;
    runs.push(end - begun);
    begun = end;
    value ^= 1;
  }
  return Uint32Array.from(runs);
}

/** Puts runs back onto a mask of the same size. */
export function lay(runs: Runs, mask: Mask): void {
  let at = 0;
  runs.forEach((length, index) => {
    mask.data.fill(index % 2, at, at + length);
    at += length;
  });
  mask.data.fill(0, at);
}

/** How many pixels are drawn. */
export const marked = (runs: Runs): number =>
  runs.reduce((sum, length, index) => (index % 2 ? sum + length : sum), 0);

/** Seven bits a byte, the least first, as base64. */
export function textOf(runs: Runs): string {
  const bytes: string[] = [];
  for (let length of runs) {
    while (length >= 128) {
      bytes.push(String.fromCharCode((length % 128) | 128));
      length = Math.floor(length / 128);
    }
    bytes.push(String.fromCharCode(length));
  }
  return btoa(bytes.join(""));
}

/** The inverse; null for what is no text of runs of a picture with so many pixels. */
export function runsFrom(text: string, pixels: number): Runs | null {
  const runs: number[] = [];
  let length = 0;
  let scale = 1;
  let total = 0;
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    return null;
  }
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes.charCodeAt(index);
    length += (byte % 128) * scale;
    if (length > pixels) return null;
    if (byte >= 128) {
      scale *= 128;
      continue;
    }
    runs.push(length);
    total += length;
    length = 0;
    scale = 1;
  }
  return total === pixels && scale === 1 ? Uint32Array.from(runs) : null;
}

export function maskFrom(text: string, width: number, height: number): Mask | null {
  const runs = runsFrom(text, width * height);
  if (!runs) return null;
  const mask = emptyMask(width, height);
  lay(runs, mask);
  return mask;
}

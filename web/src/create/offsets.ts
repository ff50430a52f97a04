/** The service counts characters, JavaScript counts halves of them: an emoji is one there and two here. Pure. */

import type { Stretch } from "./outline";

/** Where the character number `at` begins in a string; its length where there are fewer. */
export function unitsOf(text: string, at: number): number {
  let units = 0;
  for (const char of text) {
    if (at-- <= 0) return units;
    units += char.length;
  }
  return units;
}

/** What was a stretch of `before`, in `after`, where one piece of it was replaced; null where that piece touches it. */
export function moved(stretch: Stretch, before: string, after: string): Stretch | null {
  if (before === after) return stretch;
  const most = Math.min(before.length, after.length);
  let same = 0;
  while (same < most && before[same] === after[same]) same++;
  let tail = 0;
  while (tail < most - same && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const grown = after.length - before.length;
  if (stretch.end < same || (stretch.end === same && !/\S/.test(after.charAt(same)))) return stretch;
  if (stretch.start >= before.length - tail)
    return { start: stretch.start + grown, end: stretch.end + grown };
  return null;
}

/** Rows of pictures of one height that fill the width, and what of them is in sight. Rows that are there never change when more come. Pure. */

export interface Placed {
  /** Which picture. */
  index: number;
  left: number;
  width: number;
}

export interface Row {
  top: number;
  height: number;
  pictures: Placed[];
}

export interface Rows {
  rows: Row[];
  height: number;
  /** How many pictures have a place; the rest wait for what fills their row. */
  placed: number;
}

const TALLER_MAX = 1.45; // than wanted, where a row has few pictures
const RATIO_LEAST = 0.4; // beyond these a picture is cut in the feed
const RATIO_MOST = 3.2;

export const shownRatio = (size: { width: number; height: number }): number =>
  Math.min(RATIO_MOST, Math.max(RATIO_LEAST, size.width / Math.max(1, size.height) || 1));

/** Lays out pictures of these ratios. `whole` is false while more is to come: then a row that is not full is held back. */
export function rowsOf(
  ratios: readonly number[],
  width: number,
  wanted: number,
  gap: number,
  whole: boolean,
): Rows {
  const rows: Row[] = [];
  let top = 0;
  let first = 0;
  let sum = 0;
  for (let at = 0; at < ratios.length && width > 0; at++) {
    sum += ratios[at]!;
    const count = at - first + 1;
    const height = (width - gap * (count - 1)) / sum;
    const before = count > 1 ? (width - gap * (count - 2)) / (sum - ratios[at]!) : Infinity;
    if (height > wanted) continue;
    // with this picture the row is too low, without it too tall: whichever is nearer to what is wanted
    const without = before <= wanted * TALLER_MAX && before / wanted < wanted / height;
    const end = without ? at : at + 1;
    top = add(rows, ratios, first, end, top, without ? before : height, gap);
    first = end;
    sum = without ? ratios[at]! : 0;
  }
  if (whole && first < ratios.length) {
    const count = ratios.length - first;
    const full = (width - gap * (count - 1)) / sum;
    top = add(rows, ratios, first, ratios.length, top, Math.min(full, wanted), gap);
    first = ratios.length;
  }
  return { rows, height: Math.max(0, top - gap), placed: first };
}

function add(
  rows: Row[],
  ratios: readonly number[],
  first: number,
  end: number,
  top: number,
  height: number,
  gap: number,
): number {
  const pictures: Placed[] = [];
  let left = 0;
  for (let index = first; index < end; index++) {
    const width = ratios[index]! * height;
    pictures.push({ index, left, width });
    left += width + gap;
  }
  rows.push({ top, height, pictures });
  return top + height + gap;
}

/** The rows that lie between two heights: first, and one after the last. */
export function between(rows: readonly Row[], from: number, to: number): [number, number] {
  return [firstWhere(rows, (row) => row.top + row.height > from), firstWhere(rows, (row) => row.top >= to)];
}

function firstWhere(rows: readonly Row[], is: (row: Row) => boolean): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(rows[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** In which row a picture lies; -1 where it has no place. */
export function rowOf(rows: readonly Row[], index: number): number {
  const at = firstWhere(rows, (row) => row.pictures.at(-1)!.index >= index);
  return at < rows.length && rows[at]!.pictures[0]!.index <= index ? at : -1;
}

/** Which picture an arrow key leads to: along the row, or to what lies nearest above or below. Null for other keys. */
export function beside(rows: readonly Row[], index: number, key: string): number | null {
  const row = rowOf(rows, index);
  const last = rows.at(-1)?.pictures.at(-1)?.index ?? 0;
  if (key === "ArrowLeft") return Math.max(0, index - 1);
  if (key === "ArrowRight") return Math.min(last, index + 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  const next = key === "ArrowUp" ? rows[row - 1] : key === "ArrowDown" ? rows[row + 1] : null;
  if (next === null) return null;
  if (row < 0 || !next) return index;
  const from = rows[row]!.pictures.find((each) => each.index === index)!;
  const middle = from.left + from.width / 2;
  const away = (each: Placed): number => Math.abs(each.left + each.width / 2 - middle);
  return next.pictures.reduce((best, each) => (away(each) < away(best) ? each : best)).index;
}

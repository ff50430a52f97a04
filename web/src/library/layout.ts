/** Where things lie on the wall: columns, rows in sight, and what the arrow keys mean. Pure geometry, in CSS pixels. */

/** Browsers stop at about 17 to 33 million pixels; above this, one pixel of scrolling moves more than one. */
export const HEIGHT_MAX_PX = 15_000_000;

export interface Layout {
  columns: number;
  /** Width and height of a cell. */
  cell: number;
  /** From one row to the next. */
  pitch: number;
  rows: number;
  /** Of all rows. */
  full: number;
  /** Of the element that scrolls: `full`, unless that is more than browsers can. */
  height: number;
}

/** A wall of `count` squares of about `wanted` pixels, which fill the width. */
export function layoutOf(width: number, wanted: number, gap: number, count: number): Layout {
  const columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)));
  const cell = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns));
  const pitch = cell + gap;
  const rows = Math.ceil(count / columns);
  const full = Math.max(0, rows * pitch - gap);
  return { columns, cell, pitch, rows, full, height: Math.min(full, HEIGHT_MAX_PX) };
}

/** What lies at the upper edge, in pixels of all rows, where the element is scrolled by `scrolled`. */
export function placeOf(layout: Layout, scrolled: number, viewport: number): number {
  if (layout.full === layout.height) return scrolled;
  const way = layout.height - viewport;
  return scrolled <= 0 || way <= 0 ? scrolled : (Math.min(scrolled, way) * (layout.full - viewport)) / way;
}

/** The way back: by how much to scroll so that `place` lies at the upper edge. */
export function scrolledFor(layout: Layout, place: number, viewport: number): number {
  if (layout.full === layout.height) return place;
  const way = layout.full - viewport;
  return place <= 0 || way <= 0 ? place : (Math.min(place, way) * (layout.height - viewport)) / way;
}

/** First and last row to draw. Empty walls have last < first. */
export function rowsInSight(
  layout: Layout,
  scrolled: number,
  viewport: number,
  over: number,
): { first: number; last: number } {
  const place = placeOf(layout, scrolled, viewport);
  const first = Math.floor(place / layout.pitch) - over;
  const last = Math.floor((place + viewport) / layout.pitch) + over;
  return { first: clamp(first, 0, layout.rows - 1), last: Math.min(last, layout.rows - 1) };
}

/** Where a row is drawn in the element that scrolls. */
export function topOf(layout: Layout, row: number, scrolled: number, viewport: number): number {
  if (layout.full === layout.height) return row * layout.pitch;
  return scrolled + row * layout.pitch - placeOf(layout, scrolled, viewport);
}

/** By how much to scroll so that a row can be seen whole; as it is where it can. `head` pixels at the top are covered. */
export function showing(
  layout: Layout,
  row: number,
  scrolled: number,
  viewport: number,
  head = 0,
  foot = 0,
): number {
  const place = placeOf(layout, scrolled, viewport);
  const top = row * layout.pitch;
  if (top < place + head) return scrolledFor(layout, top - head, viewport);
  const low = top + layout.cell + foot - viewport;
  return low > place ? scrolledFor(layout, low, viewport) : scrolled;
}

/** Where a key leads from an index; null for keys that lead nowhere. */
export function stepped(
  key: string,
  ctrl: boolean,
  at: number,
  { columns, count, page }: { columns: number; count: number; page: number },
): number | null {
  const rowStart = at - (at % columns);
  const to: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns >= 0 ? at - columns : at,
    ArrowDown: at + columns < count ? at + columns : rowStart + columns < count ? count - 1 : at,
    PageUp: at - columns * page >= 0 ? at - columns * page : at % columns,
    PageDown: at + columns * page < count ? at + columns * page : count - 1,
    Home: ctrl ? 0 : rowStart,
    End: ctrl ? count - 1 : rowStart + columns - 1,
  };
  const found = to[key];
  return found === undefined ? null : clamp(found, 0, count - 1);
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

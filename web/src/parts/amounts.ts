/** Numbers as people read them: GPU time, waits, dates, sizes. */

// made once: walls of images say hundreds of dates in a frame, and making one of these takes a millisecond
const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** GPU time: 340 ms, 2.1 s, 3 min 5 s, 2 h 10 min. */
export function gpuTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return both(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(ms / 60_000);
  return both(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function both(large: number, unit: string, small: number, smaller: string): string {
  return small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`;
}

/** A wait: "now", "8 s", "3 min", "1 h". */
export function wait(seconds: number): string {
  if (seconds < 1) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

/** How long ago, from now: "just now", "5 min ago", "yesterday", or the date. */
export function ago(at: string, now = Date.now()): string {
  const seconds = (now - Date.parse(at)) / 1_000;
  if (seconds < 45) return "just now";
  if (seconds < 3_300) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 79_200) return `${Math.round(seconds / 3_600)} h ago`;
  if (seconds < 172_800) return "yesterday";
  return day(at);
}

/** A date in the reader's own manner. */
export function day(at: string): string {
  return DAY.format(new Date(at));
}

/** A moment in the reader's own manner. */
export function moment(at: string): string {
  return MOMENT.format(new Date(at));
}

/** One of something or many of it: 1 image, 2,304 images. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** 1.2 MB. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

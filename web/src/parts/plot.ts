/** The arithmetic of plots: scales, ticks, stacks, lines. Knows no element and no colour. */

/** A colour of tokens.css by its name. */
export type Tone = "turbo" | "fast" | "relax" | "fourth" | "bad" | "dim";

export interface Series {
  key: string;
  words: string;
  tone: Tone;
  /** Drawn with stripes, to be told apart without colour. */
  striped?: boolean;
}

/** One stretch of time: `label` in full, `tick` under the axis ("" where none may stand). Null is unknown. */
export interface Step {
  key: string;
  label: string;
  tick: string;
  values: Record<string, number | null>;
}

/** The room that marks are drawn in, in pixels from its upper left corner. */
export interface Box {
  width: number;
  height: number;
  /** Width of one step. */
  band: number;
  top: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIME_STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((each) => each * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((each) => each * MINUTE),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].map((each) => each * HOUR),
];

/** Round numbers from 0 to at least `max`, about `wanted` of them above 0. Counts are whole. */
export function numberTicks(max: number, wanted = 3): number[] {
  if (max <= 0) return [0, 1];
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999) ?? rough;
  return upTo(max, Math.max(1, step));
}

/** The same for milliseconds: whole seconds, minutes and hours. */
export function timeTicks(max: number, wanted = 3): number[] {
  if (max <= 0) return [0, SECOND];
  const rough = max / wanted;
  return upTo(max, TIME_STEPS_MS.find((each) => each >= rough) ?? Math.ceil(rough / HOUR) * HOUR);
}

function upTo(max: number, step: number): number[] {
  const many = Math.ceil(max / step - 1e-9);
  return Array.from({ length: many + 1 }, (_, i) => i * step);
}

/** A tick of an axis of milliseconds: 0, 500 ms, 30 s, 5 min, 2 h. */
export function tickTime(ms: number): string {
  if (ms === 0) return "0";
  if (ms < SECOND) return `${ms} ms`;
  if (ms < MINUTE) return `${ms / SECOND} s`;
  if (ms < HOUR) return `${ms / MINUTE} min`;
  return `${ms / HOUR} h`;
}

/** The largest stack of all steps. */
export function highest(steps: readonly Step[], series: readonly Series[]): number {
  return Math.max(
    0,
    ...steps.map((step) => series.reduce((sum, each) => sum + (step.values[each.key] ?? 0), 0)),
  );
}

/** Which ticks to write: those with words, evenly thinned so that each has `room` pixels. Gives their indices. */
export function thinned(steps: readonly Step[], band: number, room: number): number[] {
  const all = steps.flatMap((step, i) => (step.tick ? [i] : []));
  const first = all[0];
  if (first === undefined) return [];
  const apart = all.length > 1 ? ((all.at(-1)! - first) / (all.length - 1)) * band : Infinity;
  const stride = Math.max(1, Math.ceil(room / Math.max(apart, 0.01)));
  return all.filter((_, i) => i % stride === 0);
}

const LEAST_PX = 1.5; // what is not nothing is seen

/** For each series the path of its bars, stacked from below in the order of the series. */
export function stackedBars(steps: readonly Step[], series: readonly Series[], box: Box): string[] {
  const gap = box.band > 6 ? Math.min(4, box.band * 0.2) : box.band > 3 ? 1 : 0;
  const wide = Math.max(1, box.band - gap);
  const paths = series.map(() => "");
  steps.forEach((step, i) => {
    let y = box.height;
    series.forEach((each, s) => {
      const value = step.values[each.key] ?? 0;
      if (value <= 0) return;
      const high = Math.max(LEAST_PX, (value / box.top) * box.height);
      y -= high;
      paths[s] +=
        `M${round(i * box.band + gap / 2)} ${round(y)}h${round(wide)}v${round(high)}h${round(-wide)}z`;
    });
  });
  return paths;
}

/** The path of a line through the middle of each step, broken where a value is unknown. */
export function linePath(steps: readonly Step[], key: string, box: Box): string {
  let path = "";
  let broken = true;
  steps.forEach((step, i) => {
    const value = step.values[key] ?? null;
    if (value === null) {
      broken = true;
      return;
    }
    const y = box.height - (Math.min(value, box.top) / box.top) * box.height;
    path += `${broken ? "M" : "L"}${round((i + 0.5) * box.band)} ${round(y)}`;
    broken = false;
  });
  return path;
}

/** The step under a point. */
export function stepAt(x: number, box: Box, many: number): number {
  return Math.min(many - 1, Math.max(0, Math.floor(x / box.band)));
}

/** Where a key takes the reader, or null where it takes them nowhere. */
export function stepByKey(key: string, from: number, many: number): number | null {
  const page = Math.max(2, Math.round(many / 10));
  const to: Record<string, number> = {
    ArrowLeft: from - 1,
    ArrowDown: from - 1,
    ArrowRight: from + 1,
    ArrowUp: from + 1,
    PageUp: from + page,
    PageDown: from - page,
    Home: 0,
    End: many - 1,
  };
  const wanted = to[key];
  return wanted === undefined ? null : Math.min(many - 1, Math.max(0, wanted));
}

/** The last step in which anything happened: where a reader begins. */
export function lastWithSomething(steps: readonly Step[]): number {
  const found = steps.findLastIndex((step) => Object.values(step.values).some((each) => (each ?? 0) > 0));
  return found >= 0 ? found : steps.length - 1;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

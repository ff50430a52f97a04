/** The shape of pictures that are not drawn yet, so that their place is kept and nothing jumps. Pure. */

import type { Job } from "../api/types";

export interface Shape {
  width: number;
  height: number;
}

/** Models draw in steps of some pixels: 3:2 may come out as 10:7. */
const NEARLY = 0.09;
const SQUARE: Shape = { width: 1, height: 1 };
const RATIO = /(?:^|\s)--(?:ar|aspect)\s+(\d{1,5}):(\d{1,5})(?=\s|$)/g;

/** The ratio that a prompt names; a square where it names none. */
export function shapeOfPrompt(prompt: string): Shape {
  const found = [...prompt.matchAll(RATIO)].at(-1);
  const [width, height] = [Number(found?.[1]), Number(found?.[2])];
  return width > 0 && height > 0 ? { width, height } : SQUARE;
}

/** The shape of a job's pictures: what could be told before they were drawn, where they came out nearly so, lest the
card jumps when they come; else as they are. */
export function shapeOf(job: Job, parent?: Shape): Shape {
  const guess = guessed(job, parent);
  const image = job.images[0];
  if (!image?.width || !image.height) return guess;
  const off = (image.width * guess.height) / (image.height * guess.width);
  return Math.abs(off - 1) < NEARLY ? guess : { width: image.width, height: image.height };
}

function guessed(job: Job, parent?: Shape): Shape {
  const frame = job.recipe.frame;
  if (frame) return { width: frame.width, height: frame.height };
  if (parent && job.recipe.inputs.some((each) => each.role === "init")) return parent;
  return shapeOfPrompt(job.prompt);
}

const LOOK_PERCENT = 206; // of its place: a little more than twice, so that the line between looks is cut away

/** Where a preview lies behind picture `at` of `count`, in percent of that picture: it is two by two, or the one itself. */
export function quarter(at: number, count: number): { left: number; top: number; whole: boolean } {
  if (count !== 4) return { left: 0, top: 0, whole: true };
  const away = (second: boolean): number => (second ? 100 - LOOK_PERCENT : 0);
  return { left: away(at % 2 === 1), top: away(at >= 2), whole: false };
}

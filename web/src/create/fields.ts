/** How a parameter's text and what a control shows become each other. Pure. */

import type { Parameter } from "../api/types";

export interface Ratio {
  width: number;
  height: number;
}

export const PRESETS: readonly string[] = ["1:1", "4:5", "2:3", "9:16", "5:4", "3:2", "16:9", "21:9"];

/** W:H as two numbers; null where it is none. */
export function ratioOf(text: string | null | undefined): Ratio | null {
  const found = /^(\d{1,6}):(\d{1,6})$/.exec(text?.trim() ?? "");
  const [width, height] = [Number(found?.[1]), Number(found?.[2])];
  return width > 0 && height > 0 ? { width, height } : null;
}

/** A box of this ratio that fits into a square of `side`, never thinner than a line. */
export function boxOf(ratio: Ratio, side: number): Ratio {
  const scale = side / Math.max(ratio.width, ratio.height);
  return { width: Math.max(2, ratio.width * scale), height: Math.max(2, ratio.height * scale) };
}

/** The number that a control shows: what is given, else the default; the least where that is no number. */
export function numberOf(parameter: Parameter, given: string | null | undefined): number {
  for (const text of [given, parameter.default]) {
    const number = text === null || text === undefined || text.trim() === "" ? NaN : Number(text);
    if (Number.isFinite(number)) return number;
  }
  return parameter.min ?? 0;
}

/** The text for a number that somebody chose; null where it is the default, which need not be said. */
export function textOf(parameter: Parameter, number: number): string | null {
  const text = String(Number(number.toFixed(6)));
  return parameter.default !== "" && Number(parameter.default) === number ? null : text;
}

/** A choice as the list spells it: `.5` is 0.5. */
export function choiceOf(parameter: Parameter, given: string | null | undefined): string {
  const wanted = given ?? parameter.default;
  return parameter.choices.find((each) => each === wanted || Number(each) === Number(wanted)) ?? "";
}

/** A seed as good as any. */
export function anySeed(most: number): string {
  const drawn = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return String(drawn % (most + 1));
}

/** The prompts that were sent, newest first: from this browser, and from the jobs that the feed has. */

import type { Job } from "../api/types";
import { keep, kept } from "../shell/keep";

const NAME = "prompts";
const KEPT_MAX = 60;
const SHOWN_MAX = 6;

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const state = $state<{ own: string[] }>({ own: kept(NAME, [], isTexts) });

/** Notes what was sent. */
export function remember(prompt: string): void {
  const text = prompt.trim();
  if (!text) return;
  state.own = [text, ...state.own.filter((each) => each !== text)].slice(0, KEPT_MAX);
  keep(NAME, state.own);
}

/** Every prompt that is known, newest first, each once. */
export function prompts(jobs: readonly Job[]): string[] {
  const sources = jobs.filter((job) => job.action === "imagine").map((job) => job.source.trim());
  return [...new Set([...state.own, ...sources])].filter(Boolean);
}

/** Those that begin with these words; the newest where there are none. Case and spaces make no difference. */
export function recalled(all: readonly string[], words: string): string[] {
  const wanted = plain(words);
  const found = wanted ? all.filter((each) => plain(each).startsWith(wanted) && plain(each) !== wanted) : all;
  return found.slice(0, SHOWN_MAX);
}

const plain = (text: string): string => text.trim().replace(/\s+/g, " ").toLowerCase();

/** Walks back and forth through `all`, beginning and ending at what stood there first. */
export class Walk {
  #at = -1;
  #first = "";

  /** The text `step` further back, or null where the walk ends. `now` is what stands there; typing begins a new walk. */
  go(all: readonly string[], now: string, step: 1 | -1): string | null {
    if (this.#at >= 0 && all[this.#at] !== now) this.#at = -1;
    if (this.#at < 0) this.#first = now;
    const others = all[this.#at + step] === now && this.#at < 0 ? step : 0;
    const to = this.#at + step + others;
    if (to >= all.length || to < -1) return null;
    this.#at = to;
    return to < 0 ? this.#first : (all[to] ?? null);
  }
}

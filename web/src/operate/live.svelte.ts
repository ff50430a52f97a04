/** What is asked for again and again while somebody looks: not in a hidden tab, never twice at once, and what was
known stays until there is an answer. */

import { untrack } from "svelte";
import { Refusal } from "../api/client";
import { sentenceOf } from "../api/sentences";

export const EVERY_MS = 5_000;
/** Where several are asked side by side: an operator's plan may allow as few as 60 requests a minute for all they do. */
export const OVERVIEW_MS = 10_000;
export const SELDOM_MS = 30_000;

export class Live<T> {
  value = $state.raw<T | null>(null);
  /** Why the last question has no answer; "" where it has one. */
  fault = $state("");
  /** When the last answer came; 0 before. */
  at = $state(0);
  #again: () => void = () => {};
  /** Seconds that the service asked us to wait. */
  #later = 0;

  constructor(
    private readonly ask: (signal: AbortSignal) => Promise<T>,
    private readonly everyMs = EVERY_MS,
  ) {}

  /** Asks until the function that it gives back is called: `$effect(() => live.start())`. */
  start(): () => void {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    let onceMore = false;
    let last = -Infinity;
    const turn = async (): Promise<void> => {
      clearTimeout(timer);
      if (document.hidden || end.signal.aborted) return;
      if (asking) {
        onceMore = true; // the answer on its way may not know yet what has just been changed
        return;
      }
      asking = true;
      onceMore = false;
      await this.#take(end.signal).finally(() => (asking = false));
      last = Date.now();
      if (onceMore) void turn();
      else if (!end.signal.aborted) timer = setTimeout(turn, this.#pause);
    };
    const seen = (): void => {
      if (asking) return;
      clearTimeout(timer);
      timer = setTimeout(turn, Math.max(0, last + this.#pause - Date.now()));
    };
    const now = (): void => void turn();
    this.#again = now;
    document.addEventListener("visibilitychange", seen);
    untrack(now);
    return () => {
      end.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }

  get #pause(): number {
    return Math.max(this.everyMs, this.#later * 1_000);
  }

  /** Asks at once: something was changed from here. */
  now(): void {
    this.#again();
  }

  async #take(signal: AbortSignal): Promise<void> {
    try {
      const value = await this.ask(signal);
      if (signal.aborted) return;
      this.value = value;
      this.#later = 0;
      this.fault = "";
      this.at = Date.now();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      this.fault = sentenceOf(error).text;
      this.#later = error.retryAfterS ?? 0;
    }
  }
}

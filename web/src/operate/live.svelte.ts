/** What is asked for again and again while somebody looks: not in a hidden tab, never twice at once, and what was
known stays until there is an answer. */

import { untrack } from "svelte";
import { Refusal } from "../api/client";

export const EVERY_MS = 5_000;
export const SELDOM_MS = 15_000;

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
    const turn = async (): Promise<void> => {
      clearTimeout(timer);
      if (asking || document.hidden || end.signal.aborted) return;
      asking = true;
      await this.#take(end.signal);
      asking = false;
      if (!end.signal.aborted) timer = setTimeout(turn, Math.max(this.everyMs, this.#later * 1_000));
    };
    this.#again = () => void turn();
    document.addEventListener("visibilitychange", this.#again);
    untrack(() => void turn());
    const again = this.#again;
    return () => {
      end.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
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
      this.fault = error.message;
      this.#later = error.retryAfterS ?? 0;
    }
  }
}

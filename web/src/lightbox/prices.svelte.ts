/** What deeds on one image would cost, asked for when somebody looks at them, each once. */

import { Refusal } from "../api/client";
import { sentenceOf } from "../api/sentences";
import type { ActionOut } from "../api/types";
import { gpuTime } from "../parts/amounts";
import { nameOf, type Body } from "./deeds";

export type Price =
  | { kind: "asked" }
  | { kind: "priced"; costMs: number; width: number; height: number; images: number; notes: string[] }
  | { kind: "unable"; why: string; hint: string };

type Ask = (imageId: string, body: Body) => Promise<ActionOut>;

/** Refusals that pass by themselves: the deed may be tried all the same, and the service says it then. */
const PASSING = new Set([
  "offline",
  "rate_limited",
  "overloaded",
  "store_unavailable",
  "moderation_unavailable",
]);

export class Prices {
  #found = $state<Record<string, Price>>({});

  constructor(
    readonly imageId: string,
    readonly ask: Ask,
    /** What needs no asking. */
    readonly unable: (body: Body) => { why: string; hint: string } | null = () => null,
  ) {}

  /** What is known; reactive. */
  of(body: Body): Price | null {
    return this.#found[nameOf(body)] ?? null;
  }

  /** Finds it out, once. Nothing is thrown: what cannot be known is simply not said. */
  async look(body: Body): Promise<void> {
    const name = nameOf(body);
    if (this.#found[name]) return;
    const unable = this.unable(body);
    this.#found[name] = unable ? { kind: "unable", ...unable } : { kind: "asked" };
    if (unable) return;
    try {
      const { cost_gpu_ms: costMs, width, height, images, notes } = await this.ask(this.imageId, body);
      this.#found[name] = { kind: "priced", costMs, width, height, images, notes };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (PASSING.has(error.code)) delete this.#found[name];
      else {
        const { text: why, hint } = sentenceOf(error);
        this.#found[name] = { kind: "unable", why, hint };
      }
    }
  }

  /** One after the other, so that a glance at an image is no burst of requests. Ends early where `going` says no more. */
  async lookAtAll(bodies: readonly Body[], going: () => boolean): Promise<void> {
    for (const body of bodies) {
      if (!going()) return;
      await this.look(body);
    }
  }
}

/** "2.0 s of GPU time at most, 4 pictures of 384 × 160". */
export function inWords(price: Price | null): string {
  if (price?.kind === "unable") return `${price.why} ${price.hint}`.trim();
  if (price?.kind !== "priced") return "";
  const what = price.images === 1 ? "1 picture" : `${price.images} pictures`;
  const notes = price.notes.length ? `. ${price.notes.join(" ")}` : "";
  return `${gpuTime(price.costMs)} of GPU time at most, ${what} of ${price.width} × ${price.height}${notes}`;
}

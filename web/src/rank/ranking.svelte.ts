/** Ranking pairs: the next one is there before this one is answered, and an answer can be taken back until the next is given.

The service notes an answer for good, so it is held here for a moment and sent when the next answer comes, when a few
seconds have passed, or when somebody leaves. */

import { api, Refusal } from "../api/client";
import { lineOf } from "../api/sentences";
import type { Image } from "../api/types";

export type Pair = readonly [Image, Image];
export type Outcome = "left" | "right" | "tie" | "skip";

export type RankIn =
  { winner: string; loser: string } | { left: string; right: string; outcome: "tie" | "skip" };

export interface Service {
  pair: () => Promise<Pair | null>;
  rank: (said: RankIn, leaving: boolean) => Promise<void>;
  /** Makes the browser load pictures before they are shown. */
  load: (pair: Pair) => void;
}

interface Answer {
  pair: Pair;
  outcome: Outcome;
}

const AHEAD = 2; // pairs at hand besides the one in sight
const TRIES_MAX = 3; // pairs asked for that turn out to be known
const HELD_MS = 8_000;
const TRIES_TO_SEND = 5;
const AGAIN_MS = 4_000;

export class Ranking {
  pair = $state.raw<Pair | null>(null);
  /** `none` where there is nothing left to rank. */
  state = $state<"asking" | "ready" | "none">("asking");
  fault = $state("");
  /** Answers of this visit. */
  count = $state(0);
  /** The answer that can be taken back. */
  last = $state.raw<Answer | null>(null);
  private ahead: Pair[] = [];
  private readonly seen = new Set<string>();
  private filling: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly service: Service) {}

  async open(): Promise<void> {
    if (this.pair) return;
    this.state = "asking";
    await this.next();
  }

  /** Notes what was said of the pair in sight, and shows the next. */
  async answer(outcome: Outcome): Promise<void> {
    const { pair } = this;
    if (!pair) return;
    this.send(false);
    this.last = { pair, outcome };
    this.count += 1;
    this.timer = setTimeout(() => this.send(false), HELD_MS);
    this.pair = null;
    await this.next();
  }

  /** Brings the last pair back, as if nothing had been said. */
  undo(): void {
    if (!this.last) return;
    clearTimeout(this.timer);
    if (this.pair) this.ahead.unshift(this.pair);
    this.pair = this.last.pair;
    this.last = null;
    this.count -= 1;
    this.state = "ready";
  }

  /** Sends the answer that is held. `leaving`: the page is about to go. */
  send(leaving: boolean): Promise<void> {
    clearTimeout(this.timer);
    const { last } = this;
    this.last = null;
    return last ? this.deliver(said(last), leaving, TRIES_TO_SEND) : Promise.resolve();
  }

  private async deliver(what: RankIn, leaving: boolean, tries: number): Promise<void> {
    try {
      await this.service.rank(what, leaving);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const passing = error.status === 0 || error.status === 429 || error.status === 503;
      if (passing && tries > 1) setTimeout(() => void this.deliver(what, leaving, tries - 1), AGAIN_MS);
      else if (error.status !== 404) this.fault = lineOf(error); // 404: one is gone, and so is the question
    }
  }

  private async next(): Promise<void> {
    this.take();
    if (!this.pair) {
      await this.fill();
      this.take();
    }
    if (!this.pair && this.last) {
      await this.send(false); // the answer that is held may be what keeps the service offering the same pair
      await this.fill();
      this.take();
    }
    if (!this.pair) this.state = this.fault ? "asking" : "none";
    else void this.fill();
  }

  private take(): void {
    if (this.pair) return;
    this.pair = this.ahead.shift() ?? null;
    if (this.pair) this.state = "ready";
  }

  private fill(): Promise<void> {
    this.filling ??= this.ask().finally(() => (this.filling = null));
    return this.filling;
  }

  private async ask(): Promise<void> {
    let tries = 0;
    try {
      while (this.ahead.length < AHEAD && tries < TRIES_MAX) {
        const pair = await this.service.pair();
        this.fault = "";
        if (!pair) return;
        if (this.seen.has(nameOf(pair))) {
          tries += 1;
          continue;
        }
        this.seen.add(nameOf(pair));
        this.service.load(pair);
        this.ahead.push(pair);
        if (!this.pair) return; // somebody waits: show it, the rest comes after
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.fault = lineOf(error);
    }
  }
}

const nameOf = (pair: Pair): string => [pair[0].id, pair[1].id].sort().join(" ");

function said({ pair: [left, right], outcome }: Answer): RankIn {
  if (outcome === "left") return { winner: left.id, loser: right.id };
  if (outcome === "right") return { winner: right.id, loser: left.id };
  return { left: left.id, right: right.id, outcome };
}

/** What the service says, and pictures loaded ahead by the browser itself. */
export const service: Service = {
  pair: async () => (await api.get("/api/v1/rank")).pair,
  rank: async (body, leaving) => {
    if (!leaving) await api.post("/api/v1/rank", { body });
    else {
      const headers = { "Content-Type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(body), keepalive: true } as const;
      await fetch("/api/v1/rank", init).catch(() => undefined); // nobody is there to be told
    }
  },
  load: (pair) => {
    for (const image of pair) new globalThis.Image().src = pictureOf(image);
  },
};

/** The file to look at closely. */
export const pictureOf = (image: Image): string =>
  (image.files["webp"] ?? image.files["thumbnail"])?.url ?? "";

/** Whether two pictures are shown larger one above the other than side by side. */
export function isLargerStacked(
  room: { width: number; height: number },
  pair: readonly { width: number; height: number }[],
): boolean {
  const scale = (width: number, height: number): number =>
    Math.min(
      ...pair.map((each) => Math.min(width / Math.max(1, each.width), height / Math.max(1, each.height))),
    );
  return scale(room.width, room.height / 2) > scale(room.width / 2, room.height);
}

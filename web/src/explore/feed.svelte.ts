/** The feed of public pictures: which order and words, what came so far, and what is done to it here or elsewhere. */

import { api, Refusal } from "../api/client";
import { lineOf } from "../api/sentences";
import type { KeptImage } from "../api/types";
import { onKept, type Kept } from "../library/keeping";
import { keep, kept } from "../shell/keep";

export type Order = "new" | "top" | "random";

export interface Page {
  images: KeptImage[];
  seed: number | null;
  next_cursor: string | null;
}

export interface Wanted {
  order: Order;
  q: string;
  seed?: number;
  cursor?: string;
  limit: number;
}

const PAGE = 60;
const SEED_MAX = 2 ** 32;
const FRESH_MS = 120_000; // what is older is asked for anew, where somebody comes back to its beginning

interface Choice {
  order: Order;
  words: string;
  seed: number;
}

const isOrder = (value: unknown): value is Order => value === "new" || value === "top" || value === "random";
function isChoice(value: unknown): value is Choice {
  const { order, words, seed } = (value ?? {}) as Partial<Record<keyof Choice, unknown>>;
  return isOrder(order) && typeof words === "string" && Number.isInteger(seed) && Number(seed) >= 0;
}

export class Feed {
  private readonly choice: Choice = $state(kept("explore", { order: "new", words: "", seed: 0 }, isChoice));
  images = $state<KeptImage[]>([]);
  /** `more` while a page is on its way, `end` when there is nothing after what is here. */
  state = $state<"begin" | "more" | "ready" | "end">("begin");
  /** Why there is no more for now; asking again may help. */
  fault = $state("");
  /** Where somebody was when they left the screen: how far down, and at which picture. */
  scrolled = 0;
  at = 0;
  private cursor: string | null = null;
  private turn = 0;
  private asked = 0;
  private readonly gone = new Map<string, { image: KeptImage; at: number }>();

  constructor(private readonly ask: (wanted: Wanted) => Promise<Page>) {}

  get order(): Order {
    return this.choice.order;
  }

  get words(): string {
    return this.choice.words;
  }

  /** Another order or other words: from the beginning. */
  async choose(change: Partial<Pick<Choice, "order" | "words">>): Promise<void> {
    Object.assign(this.choice, change);
    await this.begin();
  }

  /** Another shuffle. */
  async shuffle(): Promise<void> {
    this.choice.seed = Math.floor(Math.random() * SEED_MAX);
    await this.begin();
  }

  /** Asks for the first page where none is here, or where it is old and nobody is in the middle of it. */
  async open(): Promise<void> {
    const isOld = Date.now() - this.asked > FRESH_MS && this.scrolled === 0;
    if (this.state === "begin" || isOld) await this.begin();
  }

  async begin(): Promise<void> {
    if (this.order === "random" && !this.choice.seed) this.choice.seed = Math.floor(Math.random() * SEED_MAX);
    keep("explore", { ...this.choice });
    this.cursor = null;
    this.scrolled = this.at = 0;
    await this.page(true);
  }

  /** The next page, where there is one and none is on its way. */
  async more(): Promise<void> {
    if (this.state === "ready" && !this.fault) await this.page(false);
  }

  /** After a fault: once more. */
  async again(): Promise<void> {
    await this.page(this.images.length === 0);
  }

  /** What was done to images, on whatever screen. */
  heed(change: Kept): void {
    if (change.kind === "marked") {
      const image = this.images.find((each) => each.id === change.id);
      if (image) Object.assign(image, { marks: { ...change.marks }, likes: change.likes });
    } else if (change.kind === "gone") {
      for (const id of change.ids) {
        const at = this.images.findIndex((each) => each.id === id);
        if (at >= 0) this.gone.set(id, { image: this.images.splice(at, 1)[0]!, at });
      }
    } else if (change.kind === "back") {
      for (const id of change.ids) {
        const was = this.gone.get(id);
        if (was && !this.images.some((each) => each.id === id)) this.images.splice(was.at, 0, was.image);
        this.gone.delete(id);
      }
    }
  }

  private async page(first: boolean): Promise<void> {
    const turn = ++this.turn;
    this.state = first && !this.images.length ? "begin" : "more";
    this.fault = "";
    try {
      const page = await this.ask({
        order: this.order,
        q: this.words.trim(),
        seed: this.order === "random" ? this.choice.seed : undefined,
        cursor: first ? undefined : (this.cursor ?? undefined),
        limit: PAGE,
      });
      if (turn !== this.turn) return; // somebody chose another feed meanwhile
      this.take(page, first);
    } catch (error) {
      if (turn !== this.turn) return;
      this.state = this.images.length ? "ready" : "begin";
      if (!(error instanceof Refusal)) throw error;
      this.fault = lineOf(error);
    }
  }

  private take(page: Page, first: boolean): void {
    if (first) {
      this.images = page.images;
      this.gone.clear();
      this.asked = Date.now();
    } else {
      const known = new Set(this.images.map((each) => each.id));
      this.images.push(...page.images.filter((each) => !known.has(each.id)));
    }
    this.cursor = page.next_cursor;
    this.state = page.next_cursor === null ? "end" : "ready";
  }
}

/** One feed for as long as the tab lives, so that coming back from a picture finds it as it was. */
export const feed = new Feed((query) => api.get("/api/v1/explore", { query }));
onKept((change) => feed.heed(change));

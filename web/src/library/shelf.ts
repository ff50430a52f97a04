/** The images of one list, as far as they are needed: pages by offset, nearest first, a few at a time, forgotten when far
away. Knows neither the service (a `Source` asks it) nor the screen (`onchange` tells it). */

import { Refusal } from "../api/client";
import type { KeptImage } from "../api/types";

export const PAGE = 100;
const PAGES_MAX = 40;
const TOGETHER_MAX = 3;
const PEEK_MS = 600;
const PEEK_AGAIN_MS = 60_000;
const RENEW_MS = 60_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;

export interface Page {
  images: KeptImage[];
  /** How many the list has, where this page says more than was known. */
  count?: number;
}

/** Where the images of a list come from. Offsets are counted from where the list stood at `start`. */
export interface Source {
  start(signal: AbortSignal): Promise<{ count: number; first: KeptImage[] }>;
  page(offset: number, limit: number, signal: AbortSignal): Promise<Page>;
  /** How many the list has now; null where nobody can say. */
  countNow(signal: AbortSignal): Promise<number | null>;
  /** These are not in it any more. */
  removed?(ids: ReadonlySet<string>): void;
}

export class Shelf {
  /** null until the service has said so. */
  count: number | null = null;
  /** Why nothing comes; null where it does. */
  trouble: Refusal | null = null;
  #images = new Map<number, KeptImage>();
  #stale = new Set<number>(); // pages that are shown until they have come anew
  #days = new Map<number, string>();
  #renewed = new Map<number, number>();
  #flights = new Map<number, AbortController>();
  #wanted = { first: 0, last: 0 };
  #starting: AbortController | null = null;
  #peekAfter = 0;
  #peeking: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_FIRST_MS;

  constructor(
    private readonly source: Source,
    public onchange: () => void = () => {},
  ) {}

  at(index: number): KeptImage | undefined {
    return this.#images.get(index);
  }

  /** When the image there was made, or one near it that was seen once. */
  dayAt(index: number): string | null {
    const known = this.#images.get(index)?.created_at;
    if (known) return known;
    return this.#days.get(pageOf(index)) ?? null;
  }

  /** Indexes of what is loaded, in order, around one: what may be walked through without asking. */
  around(index: number, most = 1_000): KeptImage[] {
    let first = index;
    while (this.#images.has(first - 1) && index - first < most / 2) first -= 1;
    const found: KeptImage[] = [];
    for (let at = first; this.#images.has(at) && found.length < most; at += 1)
      found.push(this.#images.get(at)!);
    return found;
  }

  /** Learns the day of an index that is scrolled past, where nothing near it was ever seen. Seldom: it is decoration, and
  plans have so many requests a minute. */
  peek(index: number, now = Date.now()): void {
    if (this.#peeking || now < this.#peekAfter || this.count === null || this.dayAt(index)) return;
    this.#peekAfter = now + PEEK_MS;
    this.#peeking = new AbortController();
    const { signal } = this.#peeking;
    this.source
      .page(index, 1, signal)
      .then(({ images: [image] }) => {
        if (!image || signal.aborted) return;
        this.#days.set(pageOf(index), image.created_at);
        this.onchange();
      })
      .catch(() => (this.#peekAfter = now + PEEK_AGAIN_MS))
      .finally(() => (this.#peeking = null));
  }

  indexOf(id: string): number | null {
    for (const [index, image] of this.#images) if (image.id === id) return index;
    return null;
  }

  /** What is in sight now: it is fetched, with a page before and after; what lies elsewhere is not waited for. */
  want(first: number, last: number): void {
    this.#wanted = { first, last };
    this.#pump();
  }

  /** The whole list anew, from its newest image. What is shown stays until it is replaced. */
  refresh(): void {
    this.#cancel();
    this.trouble = null;
    for (const index of this.#images.keys()) this.#stale.add(pageOf(index));
    this.#days.clear();
    this.#start();
  }

  /** How many images came to the list since it was started. */
  async newer(signal: AbortSignal): Promise<number> {
    const now = this.count === null ? null : await this.source.countNow(signal);
    return now === null || this.count === null ? 0 : Math.max(0, now - this.count);
  }

  /** These leave the list; the others close up at once. */
  remove(ids: ReadonlySet<string>): void {
    const gone = [...this.#images].filter(([, image]) => ids.has(image.id)).map(([index]) => index);
    this.source.removed?.(ids);
    if (!gone.length || this.count === null) return;
    gone.sort((a, b) => a - b);
    this.#cancel();
    const kept = [...this.#images].sort(([a], [b]) => a - b).filter(([, image]) => !ids.has(image.id));
    let before = 0;
    this.#images = new Map(
      kept.map(([index, image]) => {
        while (before < gone.length && gone[before]! < index) before += 1;
        return [index - before, image];
      }),
    );
    this.count -= gone.length;
    this.onchange();
    this.#pump();
  }

  /** One image changed; whoever shows it sees the new one. */
  change(id: string, change: Partial<KeptImage>): void {
    const index = this.indexOf(id);
    if (index === null) return;
    this.#images.set(index, { ...this.#images.get(index)!, ...change });
    this.onchange();
  }

  /** The links of an image work no longer: its page is asked for again, once in a while. */
  renew(index: number, now = Date.now()): void {
    const page = pageOf(index);
    if (now - (this.#renewed.get(page) ?? 0) < RENEW_MS) return;
    this.#renewed.set(page, now);
    this.#stale.add(page);
    this.#pump();
  }

  /** The images from one index to another or to the end, asked for where they are not here. At most `most`. Throws `Refusal`. */
  async span(first: number, last: number, most: number, signal: AbortSignal): Promise<KeptImage[]> {
    const end = Math.min(last, first + most - 1);
    const found: KeptImage[] = [];
    for (let at = first; at <= end;) {
      const here = this.#images.get(at);
      if (here) {
        found.push(here);
        at += 1;
        continue;
      }
      const { images } = await this.source.page(at, Math.min(PAGE, end - at + 1), signal);
      if (!images.length) break;
      found.push(...images);
      at += images.length;
    }
    return found;
  }

  /** Nothing is asked any more. It may be wanted again. */
  rest(): void {
    this.#cancel();
    clearTimeout(this.#retry);
  }

  #pump(): void {
    if (this.#starting) return;
    if (this.count === null) {
      if (!this.trouble) this.#start();
      return;
    }
    const needed = this.#needed();
    for (const [page, flight] of this.#flights) {
      if (needed.includes(page)) continue;
      this.#flights.delete(page);
      flight.abort();
    }
    for (const page of needed) {
      if (this.#flights.size >= TOGETHER_MAX || this.trouble) return;
      if (!this.#flights.has(page)) void this.#fetch(page);
    }
  }

  /** Pages that are not here, those in the middle of what is in sight first. */
  #needed(): number[] {
    const lastPage = pageOf(Math.max(0, (this.count ?? 0) - 1));
    const first = Math.max(0, pageOf(this.#wanted.first) - 1);
    const last = Math.min(lastPage, pageOf(this.#wanted.last) + 1);
    const middle = (this.#wanted.first + this.#wanted.last) / 2 / PAGE - 0.5;
    const pages: number[] = [];
    for (let page = first; page <= last; page += 1) if (!this.#isHere(page)) pages.push(page);
    return pages.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  }

  #isHere(page: number): boolean {
    if (this.#stale.has(page)) return false;
    const end = Math.min((page + 1) * PAGE, this.count ?? 0);
    for (let index = page * PAGE; index < end; index += 1) if (!this.#images.has(index)) return false;
    return true;
  }

  #start(): void {
    const flight = (this.#starting = new AbortController());
    void this.#asking(flight, async () => {
      const { count, first } = await this.source.start(flight.signal);
      if (flight.signal.aborted) return;
      this.#starting = null;
      this.count = count;
      for (const index of [...this.#images.keys()]) if (index >= count) this.#images.delete(index);
      this.#put(0, first, first.length >= Math.min(PAGE, count));
    }).finally(() => {
      if (this.#starting === flight) this.#starting = null;
    });
  }

  async #fetch(page: number): Promise<void> {
    const flight = new AbortController();
    this.#flights.set(page, flight);
    await this.#asking(flight, async () => {
      const found = await this.source.page(page * PAGE, PAGE, flight.signal);
      if (flight.signal.aborted) return;
      this.#flights.delete(page);
      const end = page * PAGE + found.images.length;
      if (found.count !== undefined) this.count = found.count;
      else if (found.images.length < PAGE && end < (this.count ?? 0)) this.#shorten(end);
      this.#put(page, found.images, true);
    });
    if (this.#flights.get(page) === flight) this.#flights.delete(page);
  }

  /** The list ends earlier than was said: somebody took images away meanwhile. */
  #shorten(count: number): void {
    this.count = count;
    for (const index of [...this.#images.keys()]) if (index >= count) this.#images.delete(index);
  }

  #put(page: number, images: readonly KeptImage[], whole: boolean): void {
    images.forEach((image, n) => this.#images.set(page * PAGE + n, image));
    if (whole) this.#stale.delete(page);
    if (images[0]) this.#days.set(page, images[0].created_at);
    this.#retryMs = RETRY_FIRST_MS;
    this.trouble = null;
    this.#forget();
    this.onchange();
    this.#pump();
  }

  /** Lets go of the pages that are farthest from what is in sight. */
  #forget(): void {
    if (this.#images.size <= PAGES_MAX * PAGE) return;
    const middle = pageOf((this.#wanted.first + this.#wanted.last) / 2);
    const pages = [...new Set([...this.#images.keys()].map(pageOf))];
    pages.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    for (const page of pages.slice(PAGES_MAX)) {
      this.#stale.delete(page);
      for (let index = page * PAGE; index < (page + 1) * PAGE; index += 1) this.#images.delete(index);
    }
  }

  async #asking(flight: AbortController, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (flight.signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      this.trouble = error;
      this.onchange();
      if (error.status === 0 || error.status === 429 || error.status >= 500) this.#retryLater(error);
    }
  }

  #retryLater(error: Refusal): void {
    clearTimeout(this.#retry);
    const wait = error.retryAfterS ? error.retryAfterS * 1_000 : this.#retryMs;
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    this.#retry = setTimeout(() => {
      this.trouble = null;
      this.#pump();
    }, wait);
  }

  #cancel(): void {
    this.#peeking?.abort();
    this.#starting?.abort();
    this.#starting = null;
    for (const flight of this.#flights.values()) flight.abort();
    this.#flights.clear();
  }
}

const pageOf = (index: number): number => Math.floor(index / PAGE);

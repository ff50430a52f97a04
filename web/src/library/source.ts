/** The lists of the service that a shelf shows: one's images under a filter, and the trash. */

import { Refusal, send } from "../api/client";
import type { KeptImage } from "../api/types";
import { queryOf, type Filter } from "./filters";
import { PAGE, type Page, type Source } from "./shelf";

interface Answer {
  images: KeptImage[];
  next_cursor: string | null;
}

/** One's images, newest first. All pages are counted from the image that was newest at the start, so that new ones shift nothing. */
export class ImagesSource implements Source {
  #anchor: string | null = null;
  readonly #query: string;

  constructor(filter: Filter) {
    this.#query = queryOf(filter);
  }

  async start(signal: AbortSignal): Promise<{ count: number; first: KeptImage[] }> {
    const [count, { images }] = await Promise.all([
      this.countNow(signal),
      ask<Answer>(`/api/v1/images?${this.#with({ limit: PAGE })}`, signal),
    ]);
    this.#anchor = images[0] ? justAfter(images[0].id) : null;
    return { count: Math.max(count, images.length), first: images };
  }

  async page(offset: number, limit: number, signal: AbortSignal): Promise<Page> {
    const query = this.#with({ cursor: this.#anchor ?? "", offset, limit });
    const { images } = await ask<Answer>(`/api/v1/images?${query}`, signal);
    return { images };
  }

  async countNow(signal: AbortSignal): Promise<number> {
    return (await ask<{ count: number }>(`/api/v1/images/count?${this.#query}`, signal)).count;
  }

  #with(more: Record<string, string | number>): string {
    const words = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(more)) if (value !== "") words.append(name, String(value));
    return words.toString();
  }
}

/** The trash, which the service gives page after page: the shelf grows by a page when its end comes in sight. */
export class TrashSource implements Source {
  #found: KeptImage[] = [];
  #next: string | null = null;
  #ended = false;

  async start(signal: AbortSignal): Promise<{ count: number; first: KeptImage[] }> {
    this.#found = [];
    this.#next = null;
    this.#ended = false;
    await this.#more(signal);
    return { count: this.#count(), first: this.#found.slice(0, PAGE) };
  }

  async page(offset: number, limit: number, signal: AbortSignal): Promise<Page> {
    while (this.#found.length < offset + limit && !this.#ended) await this.#more(signal);
    return { images: this.#found.slice(offset, offset + limit), count: this.#count() };
  }

  async countNow(): Promise<null> {
    return null;
  }

  removed(ids: ReadonlySet<string>): void {
    this.#found = this.#found.filter((image) => !ids.has(image.id));
  }

  async #more(signal: AbortSignal): Promise<void> {
    const words = new URLSearchParams({ limit: String(PAGE) });
    if (this.#next) words.append("cursor", this.#next);
    const { images, next_cursor } = await ask<Answer>(`/api/v1/trash?${words}`, signal);
    const known = new Set(this.#found.map((each) => each.id));
    this.#found.push(...images.filter((each) => !known.has(each.id)));
    this.#next = next_cursor;
    this.#ended = next_cursor === null;
  }

  #count(): number {
    return this.#found.length + (this.#ended ? 0 : 1);
  }
}

/** The id that comes next after one, whether or not an image has it: "before" this, the image itself is included. */
export function justAfter(id: string): string {
  const next = (BigInt(`0x${id.replaceAll("-", "")}`) + 1n).toString(16).padStart(32, "0");
  return [next.slice(0, 8), next.slice(8, 12), next.slice(12, 16), next.slice(16, 20), next.slice(20)].join(
    "-",
  );
}

async function ask<Body>(url: string, signal: AbortSignal): Promise<Body> {
  const answer = await send(url.replace(/\?$/, ""), { signal });
  try {
    return (await answer.json()) as Body;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(0, "offline", "The answer of the service broke off.", "It is asked again.");
  }
}

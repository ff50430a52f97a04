/** A list that comes in pages, newest first, and that may be asked for again while somebody reads it. */

import { untrack } from "svelte";
import { Refusal } from "../api/client";
import { lineOf } from "../api/sentences";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export class Pages<T> {
  items = $state.raw<readonly T[]>([]);
  /** Where the list goes on; null at its end. */
  next = $state<string | null>(null);
  /** `first` until anything came. */
  state = $state<"first" | "asking" | "ready">("first");
  /** Why the last question has no answer. */
  fault = $state("");
  #turn = 0;

  constructor(
    private readonly ask: (cursor: string | undefined) => Promise<Page<T>>,
    private readonly id: (item: T) => string | number,
  ) {}

  /** From the beginning, for another filter: what is shown stays until the answer is there. */
  async begin(): Promise<void> {
    await this.#ask(undefined, (page) => {
      this.items = page.items;
      this.next = page.next;
    });
  }

  /** The page after what is shown. */
  async more(): Promise<void> {
    if (untrack(() => this.next === null || this.state === "asking")) return;
    await this.#ask(this.next ?? undefined, (page) => {
      const known = new Set(this.items.map(this.id));
      this.items = [...this.items, ...page.items.filter((each) => !known.has(this.id(each)))];
      this.next = page.next;
    });
  }

  /** The first page anew, quietly: what has changed changes in its place, what is new comes before. */
  async refresh(): Promise<void> {
    if (untrack(() => this.state === "asking" || (this.state === "first" && !this.fault))) return;
    await this.#ask(
      undefined,
      (page) => {
        if (page.next === null) {
          // All that there is: what does not stand here any more is gone.
          this.items = page.items;
          this.next = null;
          return;
        }
        const { items, isWhole } = merged(this.items, page.items, this.id);
        this.items = items;
        if (!isWhole || items.length === page.items.length) this.next = page.next;
      },
      true,
    );
  }

  /** Puts a changed item in the place of its former self. */
  put(item: T): void {
    this.items = this.items.map((each) => (this.id(each) === this.id(item) ? item : each));
  }

  /** Takes an item out. */
  remove(id: string | number): void {
    this.items = this.items.filter((each) => this.id(each) !== id);
  }

  /** Nothing that is read here may make an effect run again that begins a list. */
  #ask(cursor: string | undefined, take: (page: Page<T>) => void, quiet = false): Promise<void> {
    return untrack(() => this.#fetch(cursor, take, quiet));
  }

  async #fetch(cursor: string | undefined, take: (page: Page<T>) => void, quiet: boolean): Promise<void> {
    const turn = ++this.#turn;
    if (!quiet && this.state !== "first") this.state = "asking";
    try {
      const page = await this.ask(cursor);
      if (turn !== this.#turn) return; // somebody asked for something else meanwhile
      take(page);
      this.fault = "";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn !== this.#turn) return;
      this.fault = lineOf(error);
    }
    if (!this.fault || this.state !== "first") this.state = "ready";
  }
}

/** What is shown after its first page came anew: the page, and all that was shown behind it. `isWhole` is false where so
much is new that page and list do not touch: then the page is all that is known to be without a hole. */
export function merged<T>(
  shown: readonly T[],
  page: readonly T[],
  id: (item: T) => string | number,
): { items: readonly T[]; isWhole: boolean } {
  if (shown.length === 0) return { items: page, isWhole: true };
  const fresh = new Set(page.map(id));
  const last = shown.findLastIndex((each) => fresh.has(id(each)));
  if (last < 0) return { items: page, isWhole: false };
  return { items: [...page, ...shown.slice(last + 1)], isWhole: true };
}

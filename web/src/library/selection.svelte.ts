/** Which images are chosen: one by one, or from one to another. Knows indexes only while a range is being drawn. */

import { SvelteMap } from "svelte/reactivity";
import type { KeptImage } from "../api/types";

/** The most at once: what one ZIP takes. */
export const CHOSEN_MAX = 1_000;

export class Selection {
  #chosen = new SvelteMap<string, KeptImage>();
  /** Where the next range begins, and what was chosen before it. */
  #from: number | null = null;
  #before: [string, KeptImage][] = [];

  get size(): number {
    return this.#chosen.size;
  }
  get ids(): string[] {
    return [...this.#chosen.keys()];
  }
  get images(): KeptImage[] {
    return [...this.#chosen.values()];
  }
  /** Bytes of all as files. */
  get bytes(): number {
    return this.images.reduce((sum, image) => sum + (image.files["png"]?.size_bytes ?? 0), 0);
  }

  has(id: string): boolean {
    return this.#chosen.has(id);
  }

  /** Chooses one or lets go of it; a range may begin there. False where no more can be chosen. */
  toggle(image: KeptImage, index: number): boolean {
    this.from(index);
    if (this.#chosen.delete(image.id)) return true;
    if (this.#chosen.size >= CHOSEN_MAX) return false;
    this.#chosen.set(image.id, image);
    this.#before = [...this.#chosen];
    return true;
  }

  /** Says where a range begins that is drawn next. */
  from(index: number): void {
    this.#from = index;
    this.#before = [...this.#chosen];
  }

  /** First and last index of the range that ends at `index`, without those that are more than can be chosen. */
  rangeTo(index: number): { first: number; last: number; cut: boolean } {
    const from = this.#from ?? index;
    if (this.#from === null) this.from(index);
    const room = CHOSEN_MAX - this.#before.length;
    const last = Math.max(from, index);
    const first = Math.min(from, index);
    const cut = last - first + 1 > room;
    if (!cut) return { first, last, cut };
    return from <= index ? { first, last: first + room - 1, cut } : { first: last - room + 1, last, cut };
  }

  /** What a range holds takes the place of what it held while it was another. */
  put(range: readonly KeptImage[]): void {
    const now = new Map(this.#before);
    for (const image of range) if (now.size < CHOSEN_MAX) now.set(image.id, image);
    for (const id of this.#chosen.keys()) if (!now.has(id)) this.#chosen.delete(id);
    for (const [id, image] of now) if (!this.#chosen.has(id)) this.#chosen.set(id, image);
  }

  /** The image as it is now. */
  change(id: string, change: Partial<KeptImage>): void {
    const image = this.#chosen.get(id);
    if (image) this.#chosen.set(id, { ...image, ...change });
  }

  drop(ids: Iterable<string>): void {
    for (const id of ids) this.#chosen.delete(id);
    this.#before = [...this.#chosen];
    this.#from = null;
  }

  clear(): void {
    this.#chosen.clear();
    this.#before = [];
    this.#from = null;
  }
}

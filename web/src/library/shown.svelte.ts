/** The list that the wall shows: a shelf for each query, swapped when the next one has something, and kept while its screen
is away, so that coming back from the lightbox begins where it was. */

import type { KeptImage } from "../api/types";
import { onKept, type Kept } from "./keeping";
import { Selection } from "./selection.svelte";
import { Shelf, type Source } from "./shelf";

const FIRST_LOOK = 60;

export class Shown {
  /** Grows with every change. */
  version = $state(0);
  shelf = $state.raw<Shelf>() as Shelf;
  /** The query of what is shown, and whether another is on its way. */
  query = $state("");
  coming = $state(false);
  /** How many came to the list since. */
  newer = $state(0);
  readonly selection = new Selection();
  #next: { query: string; shelf: Shelf } | null = null;

  constructor(private readonly sourceOf: (query: string) => Source) {}

  /** Shows a query: at once where it is shown already or nothing is, else when its first images are here. */
  open(query: string): void {
    if (this.shelf && this.query === query) {
      this.#next?.shelf.rest();
      this.#next = null;
      this.coming = false;
      return;
    }
    if (this.#next?.query === query) return;
    this.#next?.shelf.rest();
    const shelf = new Shelf(this.sourceOf(query));
    if (!this.shelf) return this.#become(query, shelf);
    this.#next = { query, shelf };
    this.coming = true;
    shelf.onchange = () => this.#become(query, shelf);
    shelf.want(0, FIRST_LOOK);
  }

  /** The list anew, with what came since. */
  refresh(): void {
    this.newer = 0;
    this.shelf.refresh();
  }

  /** Whether something came to the list since; shown at once where the list was empty. */
  async look(signal: AbortSignal): Promise<void> {
    const { shelf } = this;
    const newer = await shelf.newer(signal).catch(() => 0);
    if (shelf !== this.shelf || signal.aborted) return;
    if (newer && shelf.count === 0) this.refresh();
    else this.newer = newer;
  }

  /** Takes over what was done to images, on whichever screen. `back` says whether that adds to this list. Returns how to stop. */
  follow({ stays }: { stays: (change: Kept) => boolean }): () => void {
    return onKept((change) => {
      if (!this.shelf) return;
      if (change.kind === "marked") this.#change(change.id, { marks: change.marks, likes: change.likes });
      else if (change.kind === "shown")
        for (const id of change.ids) this.#change(id, { visibility: change.visibility });
      if (stays(change)) return;
      if (change.kind === "gone") this.#drop(change.ids);
      else if (change.kind === "arranged" && change.removed.length) this.#drop(change.removed);
      else this.refresh();
    });
  }

  #change(id: string, change: Partial<KeptImage>): void {
    this.shelf.change(id, change);
    this.selection.change(id, change);
  }

  #drop(ids: readonly string[]): void {
    this.selection.drop(ids);
    this.shelf.remove(new Set(ids));
  }

  #become(query: string, shelf: Shelf): void {
    this.shelf?.rest();
    this.#next = null;
    this.shelf = shelf;
    this.query = query;
    this.coming = false;
    this.newer = 0;
    this.selection.clear();
    shelf.onchange = () => (this.version += 1);
    this.version += 1;
  }
}

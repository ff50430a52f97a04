/** What left and right walk through in the lightbox: the list that somebody came from, else the images of one job. */

import { SvelteSet } from "svelte/reactivity";
import { onKept } from "../library/keeping";

let ids = $state.raw<readonly string[]>([]);
/** In the trash: left out, with their place kept for when they come back. */
const gone = new SvelteSet<string>();

export interface Around {
  before: string | null;
  after: string | null;
  /** 1 for the first. */
  at: number;
  of: number;
}

/** The neighbours of an image in a list; null where it is not in it. Pure. */
export function around(list: readonly string[], id: string): Around | null {
  const at = list.indexOf(id);
  if (at < 0) return null;
  return { before: list[at - 1] ?? null, after: list[at + 1] ?? null, at: at + 1, of: list.length };
}

export const siblings = {
  /** The list that was set last, without what is gone; reactive. */
  get ids(): readonly string[] {
    return siblings.there(ids);
  },
  /** Another list without what is gone. */
  there(list: readonly string[]): readonly string[] {
    return gone.size ? list.filter((each) => !gone.has(each)) : list;
  },
  /** Says what lies beside the images that can be opened from here, in reading order. */
  set(list: readonly string[]): void {
    ids = [...new Set(list)];
    gone.clear(); // who sets a list knows what is there
  },
  /** An image is gone: it is not walked through any more, until it comes back. */
  drop(id: string): void {
    gone.add(id);
  },
};

onKept((change) => {
  if (change.kind === "back") for (const id of change.ids) gone.delete(id);
});

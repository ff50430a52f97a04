/** The jobs that began at an image in this tab, so that the lightbox shows them as they are drawn. */

import { SvelteMap } from "svelte/reactivity";

const begun = new SvelteMap<string, readonly string[]>();

export const made = {
  /** Ids of jobs, newest first; reactive. */
  from(imageId: string): readonly string[] {
    return begun.get(imageId) ?? [];
  },
  add(imageId: string, jobIds: readonly string[]): void {
    begun.set(imageId, [...jobIds, ...made.from(imageId)]);
  },
};

/** What left and right walk through in the lightbox: the list that somebody came from, else the images of one job. */

let ids = $state.raw<readonly string[]>([]);

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
  /** The list that was set last; reactive. */
  get ids(): readonly string[] {
    return ids;
  },
  /** Says what lies beside the images that can be opened from here, in reading order. */
  set(list: readonly string[]): void {
    ids = [...new Set(list)];
  },
  /** An image is gone: it is not walked through any more. */
  drop(id: string): void {
    ids = ids.filter((each) => each !== id);
  },
};

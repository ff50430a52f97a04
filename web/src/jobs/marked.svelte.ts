/** What people did to the pictures of jobs, wherever they did it: which they like (jobs do not say so, the list of liked
images does), and which went into the trash. */

import { SvelteSet } from "svelte/reactivity";
import { api, Refusal } from "../api/client";
import { jobs } from "./jobs.svelte";
import { like, onKept } from "../library/keeping";

const PAGE = 200;
const liked = new SvelteSet<string>();
let asked = false;

onKept((change) => {
  if (change.kind === "gone") jobs.lose(change.ids);
  else if (change.kind === "back") jobs.regain(change.ids);
  else if (change.kind === "marked") {
    if (change.marks.liked) liked.add(change.id);
    else liked.delete(change.id);
  }
});

export const marked = {
  /** Reactive. */
  likes: (id: string): boolean => liked.has(id),
  /** Likes it, or not any more. */
  async toggle(id: string): Promise<void> {
    const on = !liked.has(id);
    const marks = { liked: !on, favourite: false, hidden: false, rating: 0 };
    await like({ id, marks }, on);
  },
  /** Reads the newest that are liked, once. */
  async read(): Promise<void> {
    if (asked) return;
    asked = true;
    try {
      const { images } = await api.get("/api/v1/images", { query: { liked: true, limit: PAGE / 2 } });
      for (const image of images) liked.add(image.id);
    } catch (error) {
      asked = false;
      if (!(error instanceof Refusal)) throw error;
    }
  },
};

/** The account's folders and saved searches, as the service has them. Every change says what came of it. */

import { api } from "../api/client";
import type { Folder } from "../api/types";
import { count } from "../parts/amounts";
import { say, sayRefusal, sayUndo } from "../shell/toasts.svelte";
import type { components } from "../api/schema";
import { AT_ONCE_MAX, onKept } from "./keeping";

export type SavedSearch = components["schemas"]["SearchOut"];
/** Up to so many images a deleted folder can be made anew with all that lay in it. */
export const UNDO_MAX = 1_000;
const LOOK_AGAIN_MS = 800;

let list = $state.raw<Folder[]>([]);
let searches = $state.raw<SavedSearch[]>([]);
let known = $state(false);
let timer: ReturnType<typeof setTimeout> | undefined;

export const folders = {
  get list(): Folder[] {
    return list;
  },
  get searches(): SavedSearch[] {
    return searches;
  },
  /** Whether the service has said what there is. */
  get known(): boolean {
    return known;
  },

  async load(): Promise<void> {
    try {
      const [found, saved] = await Promise.all([api.get("/api/v1/folders"), api.get("/api/v1/searches")]);
      list = found.folders;
      searches = saved.searches;
      known = true;
    } catch (error) {
      sayRefusal(error);
    }
  },

  /** Throws `Refusal`: the name is what is wrong, and its field says so. */
  async create(name: string): Promise<Folder> {
    const made = await api.post("/api/v1/folders", { body: { name: name.trim() } });
    list = sorted([...list, made]);
    return made;
  },

  /** Throws `Refusal`. */
  async rename(folder: Folder, name: string): Promise<void> {
    const now = await api.patch("/api/v1/folders/{folder_id}", {
      path: { folder_id: folder.id },
      body: { name: name.trim() },
    });
    replace(now);
  },

  /** Deletes a folder; its images stay. With up to 1,000 images it can be undone; whoever calls asks before for more. */
  async remove(folder: Folder, { undone }: { undone: (again: Folder) => void }): Promise<boolean> {
    try {
      const images = folder.images <= UNDO_MAX ? await imagesOf(folder.id) : null;
      await api.delete("/api/v1/folders/{folder_id}", { path: { folder_id: folder.id } });
      list = list.filter((each) => each.id !== folder.id);
      if (images)
        sayUndo(`Folder ${folder.name} deleted. Its images stay.`, async () =>
          undone(await again(folder, images)),
        );
      else say(`Folder ${folder.name} deleted. Its images stay.`);
      return true;
    } catch (error) {
      sayRefusal(error);
      return false;
    }
  },

  /** Throws `Refusal`. */
  async saveSearch(name: string, query: string): Promise<void> {
    const saved = await api.post("/api/v1/searches", { body: { name: name.trim(), query } });
    searches = [...searches, saved];
    say(`Search ${saved.name} saved.`, { kind: "good" });
  },

  async removeSearch(search: SavedSearch): Promise<void> {
    try {
      await api.delete("/api/v1/searches/{search_id}", { path: { search_id: search.id } });
      searches = searches.filter((each) => each.id !== search.id);
      sayUndo(`Search ${search.name} forgotten.`, () => folders.saveSearch(search.name, search.query));
    } catch (error) {
      sayRefusal(error);
    }
  },
};

/** Counts follow what is done to images anywhere. Returns how to stop. */
export function followFolders(): () => void {
  return onKept((change) => {
    if (change.kind === "arranged") replace(change.folder);
    if (change.kind !== "gone" && change.kind !== "back") return;
    clearTimeout(timer);
    timer = setTimeout(() => void folders.load(), LOOK_AGAIN_MS);
  });
}

function replace(folder: Folder): void {
  list = sorted(list.map((each) => (each.id === folder.id ? folder : each)));
}

const sorted = (all: Folder[]): Folder[] =>
  all.sort((a, b) => a.name.localeCompare(b.name, undefined, { sensitivity: "base" }));

/** Hidden ones, too: a list shows either these or the others. */
async function imagesOf(folder: string): Promise<string[]> {
  const ids: string[] = [];
  for (const hidden of [false, true]) {
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page: { images: { id: string }[]; next_cursor: string | null } = await api.get("/api/v1/images", {
        query: { folder, hidden, cursor: cursor ?? undefined, limit: 100 },
      });
      ids.push(...page.images.map((each) => each.id));
      cursor = page.next_cursor;
    }
  }
  return ids;
}

async function again(folder: Folder, images: string[]): Promise<Folder> {
  let made = await folders.create(folder.name);
  for (let at = 0; at < images.length; at += AT_ONCE_MAX) {
    made = await api.post("/api/v1/folders/{folder_id}/images", {
      path: { folder_id: made.id },
      body: { add: images.slice(at, at + AT_ONCE_MAX), remove: [] },
    });
  }
  replace(made);
  say(`Folder ${made.name} is back with ${count(made.images, "image")}.`, { kind: "good" });
  return made;
}

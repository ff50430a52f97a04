/** What people do to images they keep: marks, visibility, trash, folders. Each says a refusal itself, in a sentence, and
answers whether it was done, so that callers show it at once and take it back on `false`. Knows no screen. */

import { api } from "../api/client";
import type { Folder, KeptImage, Visibility } from "../api/types";
import { count } from "../parts/amounts";
import { say, sayRefusal, sayUndo } from "../shell/toasts.svelte";

export type Marks = KeptImage["marks"];

/** What is needed of an image; its marks change at once, and back where the service refuses. */
export interface Keepable {
  id: string;
  marks: Marks;
  likes?: number;
}

/** What was done, for every screen that shows images. `gone` covers trash, hiding and deletion; `back` their undo. */
export type Kept =
  | { kind: "marked"; id: string; marks: Marks; likes: number }
  | { kind: "shown"; ids: string[]; visibility: Visibility }
  | { kind: "gone"; ids: string[] }
  | { kind: "back"; ids: string[] }
  | { kind: "arranged"; folder: Folder; added: string[]; removed: string[] };

/** The most that one request of the service takes. */
export const AT_ONCE_MAX = 200;
const TOGETHER_MAX = 3;

const listeners = new Set<(change: Kept) => void>();

/** Hears of everything that is done here, by whichever screen. Returns how to stop. */
export function onKept(listener: (change: Kept) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export const like = (image: Keepable, on: boolean): Promise<boolean> => mark(image, { liked: on });
export const favourite = (image: Keepable, on: boolean): Promise<boolean> => mark(image, { favourite: on });
/** 1 to 5; 0 takes the rating away. */
export const rate = (image: Keepable, rating: number): Promise<boolean> => mark(image, { rating });

/** Out of one's lists and of what one explores, with a way back; or into them again. */
export async function hide(image: Keepable, on: boolean): Promise<boolean> {
  const done = await mark(image, { hidden: on });
  if (!done) return false;
  tell({ kind: on ? "gone" : "back", ids: [image.id] });
  if (on) sayUndo("Hidden. The filter “Hidden” finds it.", async () => void (await hide(image, false)));
  return true;
}

/** One mark of many images. Answers how many were done. */
export async function markAll(
  images: readonly Keepable[],
  change: Partial<Pick<Marks, "liked" | "favourite" | "rating">>,
): Promise<number> {
  return await several(images, (image) => mark(image, change));
}

/** Many at once out of one's lists, with one way back for all. */
export async function hideAll(images: readonly Keepable[], on: boolean): Promise<void> {
  const done: Keepable[] = [];
  await several(images, async (image) => {
    const fine = await mark(image, { hidden: on });
    if (fine) done.push(image);
    return fine;
  });
  if (!done.length) return;
  tell({ kind: on ? "gone" : "back", ids: done.map((each) => each.id) });
  if (on) sayUndo(`${count(done.length, "image")} hidden.`, () => hideAll(done, false));
}

/** Shows images of one's own to everybody, or to oneself alone, at once. */
export async function show(ids: readonly string[], visibility: Visibility): Promise<boolean> {
  const done: string[] = [];
  await several(ids, (id) =>
    guarded(async () => {
      await api.patch("/api/v1/images/{image_id}", { path: { image_id: id }, body: { visibility } });
      done.push(id);
    }),
  );
  if (done.length) tell({ kind: "shown", ids: done, visibility });
  return done.length === ids.length;
}

/** Into the trash, with a way back. */
export async function trash(ids: readonly string[]): Promise<boolean> {
  const done = await inParts(ids, (part) => api.post("/api/v1/images/trash", { body: { ids: part } }));
  if (!done.length) return false;
  tell({ kind: "gone", ids: done });
  const what = done.length === 1 ? "1 image is" : `${count(done.length, "image")} are`;
  sayUndo(`${what} in the trash.`, async () => void (await restore(done, { quiet: true })));
  return done.length === ids.length;
}

/** Out of the trash again. */
export async function restore(ids: readonly string[], { quiet = false } = {}): Promise<boolean> {
  const done = await inParts(ids, (part) => api.post("/api/v1/images/restore", { body: { ids: part } }));
  if (!done.length) return false;
  tell({ kind: "back", ids: done });
  if (!quiet) say(`${count(done.length, "image")} restored.`, { kind: "good" });
  return done.length === ids.length;
}

/** For good. Ask before: nothing brings them back. */
export async function deleteForGood(ids: readonly string[]): Promise<boolean> {
  const done = await inParts(ids, (part) => api.post("/api/v1/images/delete", { body: { ids: part } }));
  if (!done.length) return false;
  tell({ kind: "gone", ids: done });
  say(`${count(done.length, "image")} deleted for good.`);
  return done.length === ids.length;
}

/** Into a folder, with a way back where none of them lay there before. */
export async function addToFolder(
  ids: readonly string[],
  folder: Pick<Folder, "id" | "name">,
): Promise<boolean> {
  const before = await sizeOf(folder.id);
  const now = await arrange(folder.id, ids, "add");
  if (!now) return false;
  const added = before === null ? null : now.images - before;
  if (added === 0) say(`Already in ${folder.name}.`);
  else if (added === ids.length)
    sayUndo(`${count(ids.length, "image")} added to ${folder.name}.`, async () => {
      await arrange(folder.id, ids, "remove");
    });
  else
    say(`${count(ids.length, "image")} added to ${folder.name}.`, {
      hint: added === null ? "" : `${ids.length - added} lay there already.`,
    });
  return true;
}

/** Out of a folder, with a way back. The images stay. */
export async function removeFromFolder(
  ids: readonly string[],
  folder: Pick<Folder, "id" | "name">,
): Promise<boolean> {
  if (!(await arrange(folder.id, ids, "remove"))) return false;
  sayUndo(`${count(ids.length, "image")} taken out of ${folder.name}.`, async () => {
    await arrange(folder.id, ids, "add");
  });
  return true;
}

export { download } from "./download";

async function mark(image: Keepable, change: Partial<Marks>): Promise<boolean> {
  const before = { ...image.marks };
  const likesBefore = image.likes;
  Object.assign(image.marks, change);
  if (image.likes !== undefined && change.liked !== undefined && change.liked !== before.liked)
    image.likes += change.liked ? 1 : -1;
  tell({ kind: "marked", id: image.id, marks: { ...image.marks }, likes: image.likes ?? 0 });
  const done = await guarded(async () => {
    const now = await api.patch("/api/v1/images/{image_id}", { path: { image_id: image.id }, body: change });
    if (image.likes !== undefined) image.likes = now.likes;
    tell({ kind: "marked", id: image.id, marks: { ...image.marks }, likes: now.likes });
  });
  if (done) return true;
  Object.assign(image.marks, before);
  if (likesBefore !== undefined) image.likes = likesBefore;
  tell({ kind: "marked", id: image.id, marks: before, likes: likesBefore ?? 0 });
  return false;
}

async function arrange(
  folder: string,
  ids: readonly string[],
  how: "add" | "remove",
): Promise<Folder | null> {
  let now: Folder | null = null;
  const done = await inParts(ids, async (part) => {
    now = await api.post("/api/v1/folders/{folder_id}/images", {
      path: { folder_id: folder },
      body: { add: how === "add" ? part : [], remove: how === "remove" ? part : [] },
    });
  });
  if (now)
    tell({
      kind: "arranged",
      folder: now,
      added: how === "add" ? done : [],
      removed: how === "remove" ? done : [],
    });
  return done.length === ids.length ? now : null;
}

async function sizeOf(folder: string): Promise<number | null> {
  try {
    const { folders } = await api.get("/api/v1/folders");
    return folders.find((each) => each.id === folder)?.images ?? null;
  } catch {
    return null; // the change itself will say what is wrong
  }
}

/** As many requests as it takes; stops at the first refusal. Answers what was done. */
async function inParts(ids: readonly string[], ask: (part: string[]) => Promise<unknown>): Promise<string[]> {
  const done: string[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE_MAX) {
    const part = ids.slice(at, at + AT_ONCE_MAX);
    if (!(await guarded(() => ask(part)))) break;
    done.push(...part);
  }
  return done;
}

/** Some at a time, none after the first that fails. */
async function several<T>(all: readonly T[], ask: (one: T) => Promise<boolean>): Promise<number> {
  const waiting = [...all];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (await ask(next)) done += 1;
      else waiting.length = 0;
    }
  };
  await Promise.all(Array.from({ length: TOGETHER_MAX }, work));
  return done;
}

async function guarded(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    sayRefusal(error);
    return false;
  }
}

function tell(change: Kept): void {
  for (const listener of [...listeners]) listener(change);
}

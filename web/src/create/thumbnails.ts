/** Addresses of what references show. They are signed and grow old: those that are over are asked for anew, before use. */

import { api, Refusal } from "../api/client";
import type { Reference } from "./compose";
import { draft } from "./draft.svelte";

const SOON_MS = 60_000;
const LISTED_MAX = 100; // uploads that are looked through; most references are among the newest
const asked = new Set<string>();

/** Whether there is no address for it, or one that is over by now. Links have none. */
export function isStale(reference: Reference, now = Date.now()): boolean {
  if (!reference.reference.startsWith("upload:")) return false;
  const until = /[?&]expires=(\d+)/.exec(reference.thumbnail)?.[1];
  return reference.thumbnail === "" || (until !== undefined && Number(until) * 1_000 < now + SOON_MS);
}

/** Asks anew for all that are stale, each once. What is gone keeps no address: its fault says so. */
export async function renew(references: readonly Reference[]): Promise<void> {
  const stale = references.filter((each) => isStale(each) && !asked.has(each.reference));
  if (!stale.length) return;
  for (const each of stale) asked.add(each.reference);
  const uploads = await gently(api.get("/api/v1/uploads", { query: { limit: LISTED_MAX } }));
  for (const each of stale) {
    const id = each.reference.slice("upload:".length);
    const thumbnail = uploads?.uploads.find((upload) => upload.id === id)?.url ?? (await addressOf(id));
    for (const same of draft.references.filter((other) => other.reference === each.reference)) {
      draft.alter(same, { thumbnail });
    }
    if (thumbnail) asked.delete(each.reference);
  }
}

async function addressOf(id: string): Promise<string> {
  const image = await gently(api.get("/api/v1/images/{image_id}", { path: { image_id: id } }));
  if (image) return image.files["thumbnail"]?.url ?? image.files["png"]?.url ?? "";
  return (await gently(api.get("/api/v1/uploads/{upload_id}", { path: { upload_id: id } })))?.url ?? "";
}

async function gently<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

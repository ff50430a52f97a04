/** The files of an image, as something to take along: what they are called, and how they come to one's disk. */

import type { Image } from "../api/types";
import { saveLink } from "../library/download";
import { say } from "../shell/toasts.svelte";
import { toldOf } from "../api/prompts";

export interface Offer {
  variant: string;
  words: string;
  url: string;
  bytes: number;
}

const WORDS: Record<string, string> = {
  png: "PNG, without loss",
  webp: "WebP, small",
  avif: "AVIF, smallest",
};
const NAME_MOST = 60;

/** In the order in which people want them. Thumbnails are not worth keeping. */
export function filesOf(image: Pick<Image, "files">): Offer[] {
  return Object.entries(WORDS).flatMap(([variant, words]) => {
    const file = image.files[variant];
    return file ? [{ variant, words, url: file.url, bytes: file.size_bytes }] : [];
  });
}

/** Like those of a ZIP: the day, words of the prompt, the end of the id. */
export function nameOf(image: Pick<Image, "id" | "prompt" | "created_at">, variant: string): string {
  const words = toldOf(image.prompt)
    .words.normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .slice(0, NAME_MOST)
    .replace(/^-+|-+$/g, "")
    .toLowerCase();
  const parts = [image.created_at.slice(0, 10), words, image.id.slice(-4)].filter(Boolean);
  return `${parts.join("_")}.${variant}`;
}

/** Saves one file. Read first, because browsers ignore the name of a file that another address serves; where that address
lets nobody read, the browser opens it itself. */
export async function takeAlong(
  image: Pick<Image, "id" | "prompt" | "created_at">,
  offer: Offer,
): Promise<void> {
  const name = nameOf(image, offer.variant);
  try {
    const answer = await fetch(offer.url, { credentials: "omit" });
    if (!answer.ok) {
      say("The link to this file has run out.", {
        kind: "bad",
        hint: "Load the page again, then download it.",
      });
      return;
    }
    const url = URL.createObjectURL(await answer.blob());
    saveLink(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch {
    saveLink(offer.url, name);
  }
}

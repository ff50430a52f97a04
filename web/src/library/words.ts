/** What is said of an image on the wall, for those who don't see it, and how long it stays in the trash. */

import { wordsOf as promptWords } from "../api/prompts";
import type { KeptImage } from "../api/types";
import { count, day } from "../parts/amounts";

const TRASH_DAYS = 30;
const DAY_MS = 86_400_000;
const PROMPT_MAX = 160;

/** The prompt, what it is marked with, and when it was made. */
export function wordsOf(image: KeptImage): string {
  const { liked, favourite, hidden, rating } = image.marks;
  return [
    shortened(spoken(image.prompt)),
    favourite && "favourite",
    liked && "liked",
    rating > 0 && count(rating, "star"),
    hidden && "hidden",
    image.visibility === "stealth" && "stealth",
    day(image.created_at),
  ]
    .filter(Boolean)
    .join(", ");
}

/** How long until it is deleted for good. */
export function daysLeft(trashedAt: string, now = Date.now()): string {
  const left = Math.ceil((Date.parse(trashedAt) + TRASH_DAYS * DAY_MS - now) / DAY_MS);
  return left <= 1 ? "Last day" : `${left} days left`;
}

/** The words, or the whole prompt where it has none. */
const spoken = (prompt: string): string => promptWords(prompt) || prompt;

function shortened(prompt: string): string {
  return prompt.length > PROMPT_MAX ? `${prompt.slice(0, PROMPT_MAX - 1)}…` : prompt || "Image";
}

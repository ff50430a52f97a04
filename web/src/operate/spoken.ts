/** What moderation judged, as an operator reads it: the words, and that pictures came with them. */

import { wordsOf } from "../api/prompts";

export function spoken(text: string): string {
  if (!/^(?:upload:|https?:\/\/)\S/.test(text.trim())) return text;
  const words = wordsOf(text);
  const parameters = text.match(/\s--[a-z].*$/is)?.[0].trim() ?? "";
  return [words ? `${words} (with a picture)` : "A picture, no words", parameters].filter(Boolean).join(" ");
}

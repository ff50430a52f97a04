/** The words of an edit. Pure. */

import { wordsOf } from "../api/prompts";

/** What to send as new words: nothing where they are the old ones, so that the picture keeps its image prompts and all else. */
export function newWords(typed: string, prompt: string): string | undefined {
  const words = typed.trim();
  return words === "" || words === wordsOf(prompt) ? undefined : words;
}

/** The words of a canonical prompt, without its parameters and without the pictures that it begins with. */

const PICTURE = /^(upload:\S+|https?:\/\/\S+)\s*/;

export function wordsOf(prompt: string): string {
  const end = prompt.search(/(^|\s)--[A-Za-z]/);
  let words = (end < 0 ? prompt : prompt.slice(0, end)).trim();
  while (PICTURE.test(words)) words = words.replace(PICTURE, "");
  return words.trim();
}

/** What to send as new words: nothing where they are the old ones, so that the picture keeps its image prompts and all else. */
export function newWords(typed: string, prompt: string): string | undefined {
  const words = typed.trim();
  return words === "" || words === wordsOf(prompt) ? undefined : words;
}

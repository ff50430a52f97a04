/** Canonical prompts as people read them: words, parameters, without what was drawn by lot. Pure.

Words come first in a canonical prompt and parameters last, so nothing of the language needs to be understood. */

const PARAMETER = /(?:^|\s)--(?=[a-z])/i;
const PICTURE = /^(?:upload:|https?:\/\/)\S+\s*/;

export interface Told {
  /** Without the pictures that the prompt begins with. */
  words: string;
  /** Each as it stands in the prompt: "--ar 3:2". */
  parameters: string[];
}

/** Takes a prompt apart. */
export function toldOf(prompt: string): Told {
  const [first = "", ...rest] = prompt.split(PARAMETER);
  let words = first.trim();
  while (PICTURE.test(words)) words = words.replace(PICTURE, "");
  return { words: words.trim(), parameters: rest.map((each) => `--${each.trim()}`) };
}

/** What was asked for in words alone; "" for a prompt of pictures. */
export const wordsOf = (prompt: string): string => toldOf(prompt).words;

/** The prompt without its seed, so that it is drawn anew when it is used again; all else as it stands. */
export function unseeded(prompt: string): string {
  const [first = "", ...rest] = prompt.split(PARAMETER);
  const others = rest.filter((each) => !/^seed\b/i.test(each)).map((each) => `--${each.trim()}`);
  return [first.trim(), ...others].filter(Boolean).join(" ");
}

/** A canonical prompt as people read it: its words, and its parameters one by one. Pure. */

export interface Told {
  words: string;
  /** Each as it stands in the prompt: "--ar 3:2". */
  parameters: string[];
}

const START = /(?:^|\s)--(?=[a-z])/;

/** Takes a canonical prompt apart. Words come first in it, so nothing needs to be understood. */
export function toldOf(prompt: string): Told {
  const [words = "", ...rest] = prompt.split(START);
  return { words: words.trim(), parameters: rest.map((each) => `--${each.trim()}`) };
}

/** The prompt without the seed, so that it is drawn anew when it is used again. */
export function unseeded(prompt: string): string {
  const { words, parameters } = toldOf(prompt);
  return [words, ...parameters.filter((each) => !/^--seed\b/.test(each))].filter(Boolean).join(" ");
}

/** What moderation measured, as a share of certainty: "0.05 %", "97 %". */
export function certainty(score: number): string {
  const percent = score * 100;
  if (percent > 0 && percent < 0.01) return "under 0.01 %";
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** The short form of a hash; whoever needs all of it copies it. */
export const short = (hash: string): string => hash.slice(0, 12);

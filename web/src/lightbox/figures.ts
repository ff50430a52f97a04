/** Figures of an image in words. Pure. */

/** What moderation measured, as a share of certainty: "0.05 %", "97 %". */
export function certainty(score: number): string {
  const percent = score * 100;
  if (percent > 0 && percent < 0.01) return "under 0.01 %";
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** The short form of a hash; whoever needs all of it copies it. */
export const short = (hash: string): string => hash.slice(0, 12);

/** An amount of GPU time as operators type it: "90 s", "30 min", "2.5 h", "1 h 30 min". */

const UNITS_MS: Record<string, number> = {
  s: 1_000,
  sec: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  hours: 3_600_000,
};
const MOST_MS = 1_000 * 3_600_000;

/** The milliseconds, or what is wrong with the text. */
export function grantOf(text: string): { ms: number } | { fault: string } {
  const wanted = text.trim().toLowerCase().replace(",", ".");
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(wanted)) return { fault: "Write it like 30 min or 2 h." };
  let ms = 0;
  for (const [, number, unit] of wanted.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const each = UNITS_MS[unit!] ?? UNITS_MS[unit!.replace(/s$/, "")];
    if (!each) return { fault: `“${unit}” is no unit of time here: s, min or h.` };
    ms += Number(number) * each;
  }
  ms = Math.round(ms);
  if (ms < 1) return { fault: "That is nothing." };
  if (ms > MOST_MS) return { fault: "At most 1,000 h can be given at once." };
  return { ms };
}

/** The ledger in words: what each kind of line means, and whether it gives or takes. */

import type { Entry } from "../api/types";
import { gpuTime } from "../parts/amounts";

const KINDS: Record<Entry["kind"], { words: string; sign: 1 | -1 }> = {
  grant: { words: "Time given", sign: 1 },
  expire: { words: "Left over, expired", sign: -1 },
  hold: { words: "Set aside for a job", sign: -1 },
  release: { words: "Set aside before, given back", sign: 1 },
  settle: { words: "Charged", sign: -1 },
};

export function kindWords(entry: Entry): string {
  return KINDS[entry.kind].words;
}

/** "+2 h 0 min" or "−1.6 s": what a line does to the time that is left. */
export function amountWords(entry: Entry): string {
  if (entry.amount_gpu_ms === 0) return "0";
  return `${KINDS[entry.kind].sign > 0 ? "+" : "−"}${gpuTime(entry.amount_gpu_ms)}`;
}

export function gives(entry: Entry): boolean {
  return KINDS[entry.kind].sign > 0;
}

/** How a month's time is divided now. `of` is at least what is left, because an operator may have given more. */
export function shares(
  plan: { fast_gpu_ms_month: number | null },
  balance: { available_gpu_ms: number; held_gpu_ms: number },
): { left: number; held: number; of: number } | null {
  if (plan.fast_gpu_ms_month === null) return null;
  const left = Math.max(0, balance.available_gpu_ms);
  const held = Math.max(0, balance.held_gpu_ms);
  return { left, held, of: Math.max(plan.fast_gpu_ms_month, left + held, 1) };
}

/** A month's usage as bars, and months as people step through them. All days are UTC, as the service counts. */

import type { Month } from "../api/types";
import type { Series, Step } from "../parts/plot";

export type Measure = "gpu_ms" | "images";

export const LANES: Series[] = [
  { key: "turbo", words: "Turbo", tone: "turbo" },
  { key: "fast", words: "Fast", tone: "fast" },
  { key: "relax", words: "Relax", tone: "relax" },
];

/** One step for each day of the whole month, so that the plot keeps its shape while the month goes on. */
export function daySteps(usage: Month, measure: Measure, locale?: string): Step[] {
  const known = new Map(usage.days.map((each) => [each.day, each.lanes]));
  return daysOf(usage.month).map((day) => {
    const lanes = known.get(day);
    return {
      key: day,
      label: dateOf(day).toLocaleDateString(locale, {
        weekday: "short",
        day: "numeric",
        month: "long",
        timeZone: "UTC",
      }),
      tick: String(Number(day.slice(8))),
      values: {
        turbo: lanes?.turbo[measure] ?? 0,
        fast: lanes?.fast[measure] ?? 0,
        relax: lanes?.relax[measure] ?? 0,
      },
    };
  });
}

/** What a month came to. */
export function totals(usage: Month): { gpu_ms: number; jobs: number; images: number } {
  const lanes = Object.values(usage.total);
  const sum = (key: "gpu_ms" | "jobs" | "images"): number => lanes.reduce((all, lane) => all + lane[key], 0);
  return { gpu_ms: sum("gpu_ms"), jobs: sum("jobs"), images: sum("images") };
}

/** The month of a moment, like 2026-11. */
export function monthOf(at: string | number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** Months later, or earlier where `by` is negative. */
export function monthsFrom(month: string, by: number): string {
  const at = dateOf(`${month}-01`);
  at.setUTCMonth(at.getUTCMonth() + by);
  return at.toISOString().slice(0, 7);
}

/** November 2026, in the reader's own manner. */
export function monthWords(month: string, locale?: string): string {
  return dateOf(`${month}-01`).toLocaleDateString(locale, {
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}

function daysOf(month: string): string[] {
  const days = dateOf(`${monthsFrom(month, 1)}-01`).getTime() - dateOf(`${month}-01`).getTime();
  return Array.from(
    { length: Math.round(days / 86_400_000) },
    (_, i) => `${month}-${String(i + 1).padStart(2, "0")}`,
  );
}

function dateOf(day: string): Date {
  return new Date(`${day}T00:00:00Z`);
}

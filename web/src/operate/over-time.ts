/** Throughput as steps of plots: jobs by lane with what failed, and how busy the devices were. */

import type { Throughput } from "../api/types";
import type { Series, Step } from "../parts/plot";

export type Hours = "1" | "6" | "24" | "168";

export const FAILED: Series = { key: "failed", words: "of them failed", tone: "bad", striped: true };
export const USE: Series[] = [{ key: "use", words: "At work", tone: "fourth" }];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How far apart the ticks under the axis are. */
const TICKS_MS: Record<Hours, number> = { "1": 10 * MINUTE, "6": HOUR, "24": 3 * HOUR, "168": DAY };

/** One step for each bucket. */
export function jobSteps(throughput: Throughput, hours: Hours, locale?: string): Step[] {
  return throughput.buckets.map((bucket) => ({
    ...named(bucket.at, throughput.bucket_s, hours, locale),
    values: { ...bucket.by_lane, failed: bucket.failed },
  }));
}

/** The share of time, in percent, that devices spent on the jobs that ended in each bucket; unknown without workers.
A long job counts where it ends, so one bucket may be above 100. The last bucket is not over and counts up to `now`. */
export function useSteps(throughput: Throughput, hours: Hours, now: number, locale?: string): Step[] {
  return throughput.buckets.map((bucket) => {
    const began = Date.parse(bucket.at);
    const lasted = Math.min(throughput.bucket_s * 1_000, Math.max(MINUTE / 6, now - began));
    const room = lasted * throughput.workers_now;
    return {
      ...named(bucket.at, throughput.bucket_s, hours, locale),
      values: { use: room > 0 ? Math.round((bucket.gpu_ms / room) * 100) : null },
    };
  });
}

function named(at: string, bucket_s: number, hours: Hours, locale?: string): Omit<Step, "values"> {
  const from = new Date(at);
  const to = new Date(from.getTime() + bucket_s * 1_000);
  const clock = (date: Date): string =>
    date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  const day =
    hours === "168" || hours === "24" ? `${from.toLocaleDateString(locale, { weekday: "short" })} ` : "";
  return { key: at, label: `${day}${clock(from)} to ${clock(to)}`, tick: tickIn(from, to, hours, locale) };
}

/** The round moment of the reader's own clock that lies in a stretch of time, if one does. */
function tickIn(from: Date, to: Date, hours: Hours, locale?: string): string {
  const unit = TICKS_MS[hours];
  const shift = from.getTimezoneOffset() * MINUTE;
  const local = from.getTime() - shift;
  const round = Math.ceil(local / unit) * unit;
  if (round >= local + (to.getTime() - from.getTime())) return "";
  const moment = new Date(round + shift);
  if (hours === "168") return moment.toLocaleDateString(locale, { weekday: "short" });
  return moment.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
}

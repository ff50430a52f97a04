/** What a prompt will come to, in words. Pure. */

import type { Account, Lane, Parsed } from "../api/types";
import { count, gpuTime, wait } from "../parts/amounts";

export const LANES: readonly Lane[] = ["turbo", "fast", "relax"];
export const LANE_WORDS: Record<Lane, string> = { turbo: "Turbo", fast: "Fast", relax: "Relax" };

/** "4 images", or "6 jobs, 24 images" where a prompt makes several. */
export function amount(parsed: Parsed): string {
  if (parsed.jobs <= 1) return count(parsed.images, "image");
  return `${count(parsed.jobs, "job")}, ${count(parsed.images, "image")}`;
}

/** "at most 2.1 s of GPU time", as far as it is known. */
export function cost(ms: number | null): string {
  return ms === null ? "" : `at most ${gpuTime(ms)} of GPU time`;
}

/** "starts now", "starts in about 8 s". */
export function start(seconds: number | null): string {
  if (seconds === null) return "";
  return seconds < 1 ? "starts now" : `starts in about ${wait(seconds)}`;
}

/** What a lane is, also while no prompt says what it would cost. */
export const LANE_MEANINGS: Record<Lane, string> = {
  turbo: "Goes first, for more fast time",
  fast: "As usual",
  relax: "Waits for its turn, costs no fast time",
};

/** How a lane's price relates to the fast lane's: "twice the price", "half the price", "free of your fast time". */
export function factor(parsed: Parsed | null, lane: Lane): string {
  const fast = parsed?.lanes.fast.cost_gpu_ms;
  const mine = parsed?.lanes[lane].cost_gpu_ms;
  if (lane === "relax" && mine === 0) return "costs no fast time";
  if (!fast || mine === null || mine === undefined || lane === "fast") return "";
  const times = mine / fast;
  if (Math.abs(times - 1) < 0.05) return "the same price";
  return `${Number(times.toFixed(1))} times the price`;
}

/** Why a lane cannot be taken; "" where it can. */
export function laneUnable(account: Account | null, parsed: Parsed | null, lane: Lane): string {
  const plan = account?.plan;
  if (plan && lane === "turbo" && !plan.turbo) return `The plan ${plan.title} has no turbo lane.`;
  if (plan && lane === "relax" && !plan.relax) return `The plan ${plan.title} has no relaxed lane.`;
  if (lane === "relax" && parsed && parsed.jobs > 1 && !parsed.lanes.relax.allowed)
    return "It takes one job at a time: this prompt makes several.";
  return "";
}

/** What is left of the month: "2 h 10 min of fast time left, new time on 22 Dec". */
export function left(parsed: Parsed | null, account: Account | null): string {
  if (!parsed && !account) return "";
  if (parsed ? parsed.left_gpu_ms === null : account?.balance.unlimited) return "Fast time without limit";
  const ms = parsed?.left_gpu_ms ?? account?.balance.available_gpu_ms ?? 0;
  const until = account?.usage.period_end;
  const day = until
    ? `, new time on ${new Date(until).toLocaleDateString(undefined, { day: "numeric", month: "short" })}`
    : "";
  return `${gpuTime(Math.max(ms, 0))} of fast time left${day}`;
}

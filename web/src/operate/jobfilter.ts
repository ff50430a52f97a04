/** The filter of the list of everybody's jobs, as the address keeps it. */

import type { JobState, Lane } from "../api/types";
import { LIVING } from "./states";

export interface JobFilter {
  /** One state, "living" for all that have not ended, "" for any. */
  state: "" | "living" | JobState;
  lane: "" | Lane;
  account: string;
  q: string;
}

export const STATES: { value: JobFilter["state"]; words: string }[] = [
  { value: "", words: "Any state" },
  { value: "living", words: "Not ended" },
  { value: "waiting", words: "Waiting for a slot" },
  { value: "ready", words: "Ready" },
  { value: "running", words: "Being drawn" },
  { value: "finishing", words: "Being delivered" },
  { value: "completed", words: "Done" },
  { value: "failed", words: "Failed" },
  { value: "rejected", words: "Refused" },
  { value: "cancelled", words: "Cancelled" },
];
const LANES: JobFilter["lane"][] = ["", "turbo", "fast", "relax"];

/** What an address asks for; what it says wrongly is as if it said nothing. */
export function filterOf(query: URLSearchParams): JobFilter {
  const state = STATES.find((each) => each.value === query.get("state"))?.value ?? "";
  const lane = LANES.find((each) => each === query.get("lane")) ?? "";
  const account = query.get("account") ?? "";
  return { state, lane, account: /^[0-9a-f-]{36}$/.test(account) ? account : "", q: query.get("q") ?? "" };
}

/** The address of a filter. */
export function addressOf(filter: JobFilter): string {
  const words = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ""));
  return words.size ? `/operate/jobs?${words}` : "/operate/jobs";
}

/** The same as the service is asked for it. */
export function queryOf({ state, lane, account, q }: JobFilter): {
  state?: JobState[];
  lane?: Lane;
  account?: string;
  q?: string;
} {
  return {
    state: state === "living" ? LIVING : state ? [state] : undefined,
    lane: lane || undefined,
    account: account || undefined,
    q: q.trim() || undefined,
  };
}

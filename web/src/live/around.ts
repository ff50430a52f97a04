/** The stream's surroundings in a browser: EventSource, and a question that says who is logged in. */

import type { Probed, Surroundings } from "./stream";
import type { Told } from "./told";

const PROBE_LIMIT_MS = 8_000;

export function browser(tell: (told: Told) => void): Surroundings {
  return { open: (url) => new EventSource(url), probe, tell };
}

async function probe(): Promise<Probed> {
  const answer = await fetch("/api/v1/account", {
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(PROBE_LIMIT_MS),
  });
  if (answer.status === 401) return "unknown";
  if (!answer.ok) return null;
  const { id } = (await answer.json()) as { id: string };
  return { account: id };
}

/** The parts of the service as /readyz tells them, which answers with 503 where one fails. */

import { Refusal } from "../api/client";

/** Each part and how it is; none where what answers is not the service itself. */
export async function readParts(signal: AbortSignal): Promise<Record<string, string>> {
  let said: { parts?: Record<string, string> } | null;
  try {
    const answer = await fetch("/readyz", { signal, headers: { Accept: "application/json" } });
    said = (await answer.json().catch(() => null)) as typeof said;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(0, "offline", "The service does not answer.");
  }
  return said?.parts ?? {};
}

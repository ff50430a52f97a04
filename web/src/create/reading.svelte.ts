/** What the service makes of the prompt while it is typed. Asks when typing rests, never twice for the same, drops the older. */

import { untrack } from "svelte";
import { api, Refusal } from "../api/client";
import type { Parsed, PromptFault } from "../api/types";
import { session } from "../shell/session.svelte";
import { composed, type Composed, type Reference } from "./compose";
import { draft } from "./draft.svelte";
import { language } from "./language.svelte";
import { moved, unitsOf } from "./offsets";
import { outline, type Stretch } from "./outline";

export const RESTS_MS = 140;
const RETRY_MS = 2_000;

/** A fault and where it lies in the text of the bar, or which picture it is about. */
export interface Placed {
  fault: PromptFault;
  place: Stretch | null;
  reference: Reference | null;
}

interface Answer {
  parsed: Parsed;
  text: string;
  prompt: string;
  origin: Composed["origin"];
}

const state = $state<{ answer: Answer | null; refused: Refusal | null; round: number }>({
  answer: null,
  refused: null,
  round: 0,
});
const whole = $derived(composed(draft.text, draft.references, language.known));
const empty = $derived.by(() => {
  const { words, links } = outline(draft.text, language.known.naming);
  return !words && !links.length && !draft.references.some((each) => each.kind === "image");
});
const faults = $derived(placed(state.answer, draft.text));

export const reading = {
  /** The prompt as it would be sent now. */
  get prompt(): string {
    return whole.prompt;
  },
  /** Whether nothing is there to be drawn yet: no words and no picture to draw from. */
  get empty(): boolean {
    return empty;
  },
  /** The newest answer; it may be about what stood there a moment ago. */
  get parsed(): Parsed | null {
    return state.answer?.parsed ?? null;
  },
  /** Whether the newest answer is about the prompt as it is. */
  get current(): boolean {
    return state.answer?.prompt === whole.prompt;
  },
  /** What is wrong, as far as it is still about what stands there. */
  get faults(): Placed[] {
    return faults;
  },
  /** Why nothing can be said about the prompt. */
  get refused(): Refusal | null {
    return state.refused;
  },
  /** Asks anew, though nothing was typed: after a submission the queue and what is left are others. */
  again(): void {
    state.round += 1;
  },
};

/** Reads along while a component lives: `$effect(readAlong)`. */
export function readAlong(): () => void {
  const prompt = whole.prompt;
  const account = session.account;
  void [state.round, session.reached];
  if (!account) return () => {};
  const asking = new AbortController();
  const first = untrack(() => state.answer === null);
  let timer = setTimeout(ask, first ? 0 : RESTS_MS);

  function ask(): void {
    const { text, origin } = untrack(() => ({ text: draft.text, origin: whole.origin }));
    api
      .post("/api/v1/prompts/parse", { body: { prompt, lane: null }, signal: asking.signal })
      .then((parsed) => {
        if (asking.signal.aborted) return;
        state.answer = { parsed, text, prompt, origin };
        state.refused = null;
      })
      .catch((error: unknown) => {
        if (asking.signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        state.refused = error;
        timer = setTimeout(ask, (error.retryAfterS ?? 0) * 1_000 || RETRY_MS);
      });
  }

  return () => {
    clearTimeout(timer);
    asking.abort();
  };
}

function placed(answer: Answer | null, text: string): Placed[] {
  if (!answer) return [];
  return answer.parsed.faults.flatMap((fault): Placed[] => {
    if (fault.start === null || fault.end === null) return [{ fault, place: null, reference: null }];
    const found = answer.origin({
      start: unitsOf(answer.prompt, fault.start),
      end: unitsOf(answer.prompt, fault.end),
    });
    if (!found) return [{ fault, place: null, reference: null }];
    if ("kind" in found) return [{ fault, place: null, reference: found }];
    const place = moved(found, answer.text, text);
    return place ? [{ fault, place, reference: null }] : [];
  });
}

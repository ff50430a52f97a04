/** Sends the prompt. The text stays until the service has taken it; what was refused stays, with the reason. */

import { Refusal } from "../api/client";
import { outbox, submit } from "../jobs/outbox.svelte";
import { keep, kept } from "../shell/keep";
import { draft } from "./draft.svelte";
import { remember } from "./history.svelte";
import { language } from "./language.svelte";
import { outline } from "./outline";
import { reading } from "./reading.svelte";
import type { Language } from "./parameters";

const KEEP = "keep-settings";
const ONCE = ["repeat", "seed"]; // what is asked for one prompt only

const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const state = $state<{ on: number; refused: Refusal | null; tried: boolean; keeps: boolean }>({
  on: 0,
  refused: null,
  tried: false,
  keeps: kept(KEEP, true, isFlag),
});
let pending: string | null = null;

export const sending = {
  /** Whether a prompt is on its way. */
  get on(): boolean {
    return state.on > 0;
  },
  /** Why the last one was refused; null once something else was typed or sent. */
  get refused(): Refusal | null {
    return state.refused;
  },
  /** Whether somebody tried to send what cannot be sent: then it is said why. */
  get tried(): boolean {
    return state.tried;
  },
  /** Whether parameters stay in the bar for the next prompt; pictures never do, somebody would forget them there. */
  get keeps(): boolean {
    return state.keeps;
  },
  set keeps(value: boolean) {
    state.keeps = value;
    keep(KEEP, value);
  },
  /** Something was typed: what was said about the text before is over. */
  forget(): void {
    state.refused = null;
    state.tried = false;
  },
};

/** Sends what stands in the bar, unless it is known to be faulty or just that is on its way. True when it was taken. */
export async function send(): Promise<boolean> {
  const prompt = reading.prompt;
  if (pending === prompt || isOnItsWay(prompt)) return false;
  state.refused = null;
  state.tried =
    reading.empty || (reading.current && reading.faults.some((each) => each.fault.field === "prompt"));
  if (state.tried) return false;
  const { text, references } = draft;
  pending = prompt;
  state.on += 1;
  try {
    await submit(prompt, { jobs: reading.current ? (reading.parsed?.jobs ?? 1) : 1, ...shape() });
    remember(prompt);
    if (draft.text === text && draft.references === references) {
      draft.restore(state.keeps ? settingsOf(text, language.known) : "", []);
    }
    reading.again();
    return true;
  } catch (error) {
    if (error instanceof Refusal) state.refused = error;
    else if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    return false;
  } finally {
    if (pending === prompt) pending = null;
    state.on -= 1;
  }
}

/** A reload finds the text in the bar and the same prompt still to be sent: it is not sent twice. */
function isOnItsWay(prompt: string): boolean {
  return outbox.sendings.some(
    ({ wish, state }) => wish.kind === "prompt" && wish.prompt === prompt && state !== "kept",
  );
}

function shape(): { shape?: { width: number; height: number } } {
  const parsed = reading.current ? reading.parsed : null;
  return parsed?.width && parsed.height ? { shape: { width: parsed.width, height: parsed.height } } : {};
}

/** The parameters of a text without its words, with a space in front for the next words. */
export function settingsOf(text: string, known: Language): string {
  const { parameters } = outline(text, known.naming);
  const kept = parameters.filter(
    (each) => each.depth === 0 && !ONCE.includes(each.name) && !/[{}]/.test(each.text),
  );
  return kept.map((each) => ` ${each.text.replace(/\s+/g, " ")}`).join("");
}

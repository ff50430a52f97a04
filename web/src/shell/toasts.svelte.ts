/** Short sentences at the edge of the screen, read out by screen readers; one may carry an undo. */

import { Refusal } from "../api/client";
import { sentenceOf } from "../api/sentences";

export interface Toast {
  id: number;
  kind: "said" | "good" | "bad";
  text: string;
  hint: string;
  /** A button: its words, and what it does. */
  action: { words: string; run: () => void | Promise<void> } | null;
}

const SHOWN_MS = 6_000;
const WITH_ACTION_MS = 10_000;
const SHOWN_MAX = 4;
const HELD_MS = 2_000; // that a sentence stays after somebody was at it

let next = 1;
export const toasts = $state<Toast[]>([]);

/** Shows a sentence; the same sentence is not shown twice at once. */
export function say(
  text: string,
  { kind = "said", hint = "", action = null }: Partial<Omit<Toast, "id" | "text">> = {},
): void {
  if (toasts.some((each) => each.text === text && !each.action)) return;
  const id = next++;
  toasts.push({ id, kind, text, hint, action });
  if (toasts.length > SHOWN_MAX) toasts.shift();
  if (kind !== "bad" || action) setTimeout(() => leave(id), action ? WITH_ACTION_MS : SHOWN_MS);
}

let isHeld = (): boolean => false;

/** Nothing goes by itself while somebody is at it: `held` says so, until the function that this gives back is called. */
export function heldWhile(held: () => boolean): () => void {
  isHeld = held;
  return () => (isHeld = () => false);
}

function leave(id: number): void {
  if (isHeld()) setTimeout(() => leave(id), HELD_MS);
  else unsay(id);
}

/** Shows a sentence until `unsay`, for what goes on meanwhile; its hint may be changed. */
export function sayOn(text: string, action: Toast["action"] = null): Toast {
  const id = next++;
  toasts.push({ id, kind: "said", text, hint: "", action });
  return toasts.find((each) => each.id === id)!;
}

/** Takes a toast away. */
export function unsay(id: number): void {
  const at = toasts.findIndex((each) => each.id === id);
  if (at >= 0) toasts.splice(at, 1);
}

/** Says what was refused, in the sentence for its code. Anything that is no refusal is our mistake and is thrown on. */
export function sayRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    throw error;
  }
  if (error.code === "offline" || error.code === "not_authenticated") return; // the shell shows these itself
  const { text, hint } = sentenceOf(error);
  say(text, { kind: "bad", hint });
}

/** Says what was done, with a way back. */
export function sayUndo(text: string, undo: () => void | Promise<void>): void {
  say(text, { action: { words: "Undo", run: undo } });
}

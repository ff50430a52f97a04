/** Keys: every screen says which it answers to and what they do, and the help sheet and the palette list just these.

The newest scope that has a key wins, so that an open dialog or the lightbox comes before what lies beneath. Keys of one
character can be turned off (WCAG 2.2, 2.1.4), for those who speak to their computer. */

import { keep, kept } from "./keep";

export interface Shortcut {
  /** As people read it: "Shift+R", "Ctrl+K", "?", "ArrowLeft". Ctrl is also Cmd. */
  keys: string;
  words: string;
  run: (event: KeyboardEvent) => void;
  /** Also while somebody types into a field. */
  whileTyping?: boolean;
  /** Not listed in the help sheet or the palette. */
  silent?: boolean;
}

export interface Scope {
  title: string;
  shortcuts: Shortcut[];
  /** Nothing beneath hears any key: a dialog. */
  alone?: boolean;
}

const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
let scopes = $state.raw<readonly Scope[]>([]);
let all: readonly Scope[] = []; // the truth: while effects are torn down, a state reads as it was before
const choice = $state({ single: kept("single-keys", true, isFlag, "browser") });

export const shortcuts = {
  /** The scopes that hear keys now, newest first; reactive. */
  get scopes(): Scope[] {
    const alone = scopes.findLastIndex((each) => each.alone);
    return scopes.slice(Math.max(alone, 0)).reverse();
  },
  /** Whether keys of one character without Ctrl do anything. */
  get single(): boolean {
    return choice.single;
  },
  set single(value: boolean) {
    choice.single = value;
    keep("single-keys", value, "browser");
  },
};

/** Adds a scope while a component lives: `$effect(() => listen(scope))`. */
export function listen(scope: Scope): () => void {
  scopes = all = [...all, scope];
  return () => {
    scopes = all = all.filter((each) => each !== scope);
  };
}

/** What a key event is called: modifiers in the order Ctrl, Alt, Shift. Shift is said for letters and named keys alone. */
export function nameOf(event: KeyboardEvent): string {
  const letter = event.key.length === 1;
  const key = letter ? event.key.toUpperCase() : event.key;
  const shifted = event.shiftKey && (!letter || /[A-Z]/.test(key) || /^Digit/.test(event.code));
  const name =
    event.shiftKey && /^Digit(\d)$/.exec(event.code) ? event.code.slice(5) : key === " " ? "Space" : key;
  return [
    event.ctrlKey || event.metaKey ? "Ctrl+" : "",
    event.altKey ? "Alt+" : "",
    shifted ? "Shift+" : "",
    name,
  ].join("");
}

/** What it may be called, likeliest first: a sign is also known by itself, since it lies elsewhere on every keyboard. With
Ctrl, Alt or Cmd it is the browser's own, unless somebody says just that. */
export function namesOf(event: KeyboardEvent): string[] {
  const alone = !(event.ctrlKey || event.metaKey || event.altKey) || event.getModifierState("AltGraph");
  return alone && !/^\p{L}$/u.test(event.key) ? [nameOf(event), event.key] : [nameOf(event)];
}

/** Keys that do something once, however long they are held: much of it is charged. */
const ONCE = /^(Shift\+)?[A-Z0-9]$|^(Delete|Backspace|Enter)$/;

/** Hears the page's keys. Called once. */
export function hear(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || movesItself(event)) return;
    const found = namesOf(event).reduce<Shortcut | undefined>(
      (before, name) => before ?? find(name, isTyping(event.target)),
      undefined,
    );
    if (!found) return;
    event.preventDefault();
    if (!(event.repeat && ONCE.test(found.keys))) found.run(event);
  });
}

function find(name: string, typing: boolean): Shortcut | undefined {
  if (!choice.single && /^(Shift\+)?.$/.test(name)) return undefined;
  for (const scope of shortcuts.scopes) {
    const found = scope.shortcuts.find((each) => each.keys === name && (!typing || each.whileTyping));
    if (found) return found;
  }
  return undefined;
}

/** Whether what has the focus moves by these keys itself: radio buttons, sliders, lists to choose from. */
function movesItself({ key, target }: KeyboardEvent): boolean {
  if (!/^(Arrow|Home|End|Page)/.test(key) || !(target instanceof Element)) return false;
  return target.matches("input[type=radio], input[type=range], select, [role=slider], [role=menuitem]");
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  return (
    target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type)
  );
}

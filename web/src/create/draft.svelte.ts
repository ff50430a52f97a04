/** What somebody is about to ask for: the text of the prompt bar and the pictures that go with it. Kept over reloads. */

import { keep, kept } from "../shell/keep";
import { go } from "../shell/router.svelte";
import { takenApart, type Reference, type ReferenceKind } from "./compose";
import { language } from "./language.svelte";

const TEXT = "draft";
const REFERENCES = "draft-references";
const KINDS: readonly string[] = ["image", "style", "character", "omni"];

const isText = (value: unknown): value is string => typeof value === "string";
const isReferences = (value: unknown): value is Reference[] =>
  Array.isArray(value) && value.every(isReference);

function isReference(value: unknown): boolean {
  const each = value as Partial<Reference> | null;
  return isText(each?.kind) && KINDS.includes(each.kind) && isText(each.reference) && isText(each.thumbnail);
}

const state = $state<{ text: string; references: Reference[]; focus: number }>({
  text: kept(TEXT, "", isText),
  references: kept(REFERENCES, [], isReferences),
  focus: 0,
});

export const draft = {
  /** What stands in the prompt bar; reactive. */
  get text(): string {
    return state.text;
  },
  set text(value: string) {
    if (value === state.text) return;
    state.text = value;
    keep(TEXT, value);
  },
  /** The pictures beside it, in the order in which they were added; reactive. */
  get references(): readonly Reference[] {
    return state.references;
  },
  /** Grows whenever the prompt bar should take the focus; reactive. */
  get focus(): number {
    return state.focus;
  },
  /** Puts a whole prompt into the bar, its links beside it, and goes there. */
  use(prompt: string): void {
    const { text, references } = takenApart(prompt, language.known);
    draft.text = text;
    change(references);
    draft.show();
  },
  /** Adds a picture: `upload:ID` or a link, with the address of something to show for it. Twice the same is once. */
  add(kind: ReferenceKind, reference: string, thumbnail: string): void {
    if (state.references.some((each) => each.kind === kind && each.reference === reference)) return;
    change([...state.references, { kind, reference, thumbnail, weight: null }]);
  },
  remove(kind: ReferenceKind, reference: string): void {
    change(state.references.filter((each) => each.kind !== kind || each.reference !== reference));
  },
  /** Another kind, weight or thumbnail for one of them. */
  alter(old: Reference, changes: Partial<Reference>): void {
    const now = { ...old, ...changes };
    const twin = (each: Reference): boolean => each.kind === now.kind && each.reference === now.reference;
    const isOld = (each: Reference): boolean => each.kind === old.kind && each.reference === old.reference;
    change(
      state.references.filter((each) => isOld(each) || !twin(each)).map((each) => (isOld(each) ? now : each)),
    );
  },
  /** Puts back what stood there before: for undo, history, and what was not accepted. */
  restore(text: string, references: readonly Reference[]): void {
    draft.text = text;
    change([...references]);
  },
  /** Goes to the prompt bar. */
  show(): void {
    if (location.pathname !== "/") go("/");
    state.focus += 1;
  },
};

function change(references: Reference[]): void {
  state.references = references;
  keep(REFERENCES, references);
}

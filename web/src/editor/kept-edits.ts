/** What somebody has begun at an image, kept in the browser: a few images' worth, the oldest forgotten first. */

import { forget, keep, kept } from "../shell/keep";
import { ZOOM_MAX, type Extension } from "./frame";

export interface KeptEdit {
  mode: "region" | "frame";
  /** The region as text of runs (runs.ts). */
  region: string;
  feather: number;
  words: string;
  extension: Extension;
  around: string;
}

const EDITS_MAX = 12;
const TEXT_MAX = 200_000; // of one region: a browser keeps some 5 million characters in all, and prompts want room, too
const LIST = "edits";
const nameOf = (id: string): string => `edit:${id}`;
const PANS: readonly unknown[] = ["left", "right", "up", "down", "square", "none"];

const isIds = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");

function isExtension(value: unknown): value is Extension {
  const { kind, zoom } = (value ?? {}) as { kind?: unknown; zoom?: unknown };
  if (kind === "around") return typeof zoom === "number" && zoom > 1 && zoom <= ZOOM_MAX;
  return PANS.includes(kind);
}

export function isEdit(value: unknown): value is KeptEdit {
  const edit = (value ?? {}) as Partial<Record<keyof KeptEdit, unknown>>;
  return (
    (edit.mode === "region" || edit.mode === "frame") &&
    [edit.region, edit.words, edit.around].every((each) => typeof each === "string") &&
    typeof edit.feather === "number" &&
    isExtension(edit.extension)
  );
}

export function keptEdit(id: string): KeptEdit | null {
  return kept<KeptEdit | null>(nameOf(id), null, (value): value is KeptEdit => isEdit(value));
}

/** Keeps it as the newest. A region of too many runs is not kept, all else of it is. */
export function keepEdit(id: string, edit: KeptEdit): void {
  const ids = [id, ...kept(LIST, [], isIds).filter((each) => each !== id)];
  for (const old of ids.splice(EDITS_MAX)) forget(nameOf(old));
  keep(LIST, ids);
  keep(nameOf(id), edit.region.length > TEXT_MAX ? { ...edit, region: "" } : edit);
}

export function forgetEdit(id: string): void {
  keep(
    LIST,
    kept(LIST, [], isIds).filter((each) => each !== id),
  );
  forget(nameOf(id));
}

/** What can be completed at the caret: a parameter's name, its value, or a whole recent prompt. Pure. */

import { outline } from "./outline";
import { modelNamed, rangeOf, takesOf, titleOf, type Language } from "./parameters";

export interface Option {
  /** What is put in. */
  text: string;
  /** Said beside it. */
  words: string;
  /** Why the model does not take it. */
  unable: string;
}

export interface Completion {
  kind: "name" | "value" | "prompt";
  /** What is replaced. */
  start: number;
  end: number;
  options: Option[];
  /** Said above the options: what a value may be. */
  note: string;
  /** Whether Enter takes the first option although nobody walked to it. */
  eager: boolean;
}

const NAMES_MAX = 12;
const RATIOS = ["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "4:5", "5:4", "2:1", "1:2", "21:9"];
const PARTIAL = /(?:^|[\s{,}])((?:--|[–—])([A-Za-z]*))$/;

/** What fits at the caret; null where nothing does. */
export function completion(text: string, caret: number, language: Language): Completion | null {
  return names(text, caret, language) ?? values(text, caret, language);
}

function names(text: string, caret: number, language: Language): Completion | null {
  const partial = PARTIAL.exec(text.slice(0, caret));
  if (!partial || /[\w-]/.test(text.charAt(caret))) return null;
  const [, dashed = "", typed = ""] = partial;
  if (dashed !== "--" && !typed && dashed.length === 1 && !/\s$/.test(text.slice(0, caret - 1))) return null;
  const wanted = typed.toLowerCase();
  const taken = new Set(
    outline(text.slice(0, caret - dashed.length) + text.slice(caret), language.naming).parameters.map(
      (each) => each.name,
    ),
  );
  const options = language.parameters
    .map((parameter) => ({
      parameter,
      rank: rankOf([parameter.name, ...parameter.aliases], titleOf(parameter.name), wanted),
    }))
    .filter(
      (each) => each.rank < Infinity && (!taken.has(each.parameter.name) || each.parameter.name === "no"),
    )
    .map((each) => ({ ...each, unable: unable(text, language, each.parameter.name) }))
    .sort((a, b) => Number(a.unable !== "") - Number(b.unable !== "") || a.rank - b.rank)
    .slice(0, NAMES_MAX)
    .map(({ parameter, unable }) => ({
      text: `--${parameter.name}`,
      words: [parameter.meaning, parameter.kind === "flag" ? "" : rangeOf(parameter)]
        .filter(Boolean)
        .join(" · "),
      unable,
    }));
  const whole = language.naming(typed) !== null;
  const other = options.some((each) => each.text !== `--${language.naming(typed)}`);
  if (!options.length || (whole && !other)) return null;
  return {
    kind: "name",
    start: caret - dashed.length,
    end: caret,
    options,
    note: "",
    eager: typed !== "" && !whole,
  };
}

/** By name first, then by alias, then by a word of what people call it. */
function rankOf(all: readonly string[], title: string, wanted: string): number {
  const at = all.findIndex((name) => name.startsWith(wanted));
  if (at >= 0) return all[at] === wanted ? -1 : Math.min(at, 1);
  return title
    .toLowerCase()
    .split(" ")
    .some((word) => word.startsWith(wanted))
    ? 2
    : Infinity;
}

function values(text: string, caret: number, language: Language): Completion | null {
  const typed = outline(text, language.naming).parameters.find(
    (each) => each.named < caret && (caret <= each.end || /^\s+$/.test(text.slice(each.end, caret))),
  );
  const parameter = typed && language.of(typed.name);
  if (!typed || !parameter || takesOf(parameter) === "nothing") return null;
  const before = text.slice(typed.named, caret).trimStart();
  if (/[\s{]/.test(before) && takesOf(parameter) === "word") return null;
  if (!/^\s/.test(text.slice(typed.named, caret))) return null;
  const start = caret - (/\S*$/.exec(before)?.[0].length ?? 0);
  const end = caret + (/^[^\s{},]*/.exec(text.slice(caret))?.[0].length ?? 0);
  const written = text.slice(start, caret).toLowerCase();
  const options = choices(parameter.name, language).filter((each) =>
    each.text.toLowerCase().startsWith(written),
  );
  const settled = options.some((each) => each.text.toLowerCase() === text.slice(start, end).toLowerCase());
  const note = noteOf(parameter.name, language);
  if (settled || (!options.length && (!note || written))) return null;
  return {
    kind: "value",
    start,
    end,
    options,
    note,
    eager: written !== "" && options.length > 0 && parameter.kind !== "ratio",
  };
}

function choices(name: string, language: Language): Option[] {
  const parameter = language.of(name);
  const plain = (text: string, words = ""): Option => ({ text, words, unable: "" });
  if (name === "v") return language.models.map((model) => plain(model.name, model.description));
  if (name === "niji") return [];
  if (parameter?.kind === "ratio") return RATIOS.map((ratio) => plain(ratio, ratioWords(ratio)));
  if (name === "sref") return [plain("random", "a style that the service picks")];
  return (parameter?.choices ?? []).map((choice) =>
    plain(choice, choice === parameter?.default ? "as usual" : ""),
  );
}

function ratioWords(ratio: string): string {
  const [width = 1, height = 1] = ratio.split(":").map(Number);
  return width === height ? "square" : width > height ? "landscape" : "portrait";
}

function noteOf(name: string, language: Language): string {
  const parameter = language.of(name);
  if (!parameter || parameter.choices.length || name === "v" || parameter.kind === "ratio")
    return parameter?.meaning ?? "";
  const range = rangeOf(parameter);
  return [parameter.meaning, range, `${parameter.default} where it is left away`].filter(Boolean).join(" · ");
}

/** Why the model that the text names does not take a parameter; "" where it does, or where no model is known. */
export function unable(text: string, language: Language, name: string): string {
  const honoured = modelOf(text, language)?.parameters[name];
  return typeof honoured === "string" ? honoured : "";
}

/** The model that the text names. */
export function modelOf(text: string, language: Language) {
  const named = outline(text, language.naming).parameters.find(
    (each) => each.name === "v" || each.name === "niji",
  );
  return modelNamed(language, named?.value?.split(/\s/)[0] ?? null, named?.name === "niji");
}

/** A text with an option put in, and where the caret goes. */
export function taken(text: string, found: Completion, option: Option): { text: string; caret: number } {
  const after = text.slice(found.end);
  const gap = found.kind === "prompt" || /^\s/.test(after) ? "" : " ";
  const caret = found.start + option.text.length + (gap || (found.kind === "prompt" ? 0 : 1) ? 1 : 0);
  return { text: text.slice(0, found.start) + option.text + gap + after, caret };
}

/** The text of the bar and the pictures beside it as one prompt, and back. Pure; knows where each character came from. */

import { cut, valueOf } from "./edit";
import { outline, type Stretch } from "./outline";
import { UNKNOWN, type Language } from "./parameters";

export type ReferenceKind = "image" | "style" | "character" | "omni";

export interface Reference {
  kind: ReferenceKind;
  /** `upload:ID` or a link. */
  reference: string;
  /** The address of something to show for it; "" where there is none. */
  thumbnail: string;
  /** Of a style among several; null where none was given. */
  weight: number | null;
}

/** By which parameter a kind of picture goes into a prompt; image prompts come first and need none. */
export const PARAMETER_OF = { style: "sref", character: "cref", omni: "oref" } as const;
export const WEIGHT_OF = { image: "iw", style: "sw", character: "cw", omni: "ow" } as const;

const LINK = /^(?:upload:|https?:\/\/)/i;

export interface Composed {
  prompt: string;
  /** Where a stretch of the prompt lies in the text of the bar, or which picture it is; null where it is neither. */
  origin: (stretch: Stretch) => Stretch | Reference | null;
}

interface Piece {
  words: string;
  from: number | Reference | null;
}

export function composed(text: string, references: readonly Reference[], language: Language): Composed {
  const images = references.filter((each) => each.kind === "image");
  let pieces: Piece[] = images.flatMap((each): Piece[] => [
    { words: each.reference, from: each },
    { words: " ", from: null },
  ]);
  pieces.push({ words: text, from: 0 });
  for (const [kind, name] of Object.entries(PARAMETER_OF)) {
    const mine = references.filter((each) => each.kind === kind);
    if (mine.length) pieces = inserted(pieces, text, name, mine, language);
  }
  const prompt = pieces.map((each) => each.words).join("");
  return { prompt, origin: (stretch) => originOf(pieces, stretch) };
}

/** The pieces with these pictures behind those that the text itself names, else at the end. */
function inserted(
  pieces: readonly Piece[],
  text: string,
  name: string,
  mine: readonly Reference[],
  language: Language,
): Piece[] {
  const words = mine.flatMap((each): Piece[] => [
    { words: " ", from: null },
    { words: each.weight === null ? each.reference : `${each.reference}::${each.weight}`, from: each },
  ]);
  const named = outline(text, language.naming).parameters.find(
    (each) => each.name === name && each.depth === 0,
  );
  if (!named) {
    const spaced = /(^|\s)$/.test(pieces.map((each) => each.words).join(""));
    return [...pieces, { words: `${spaced ? "" : " "}--${name}`, from: null }, ...words];
  }
  const at = valueOf(named, text, language).end;
  return pieces.flatMap((each) => {
    if (typeof each.from !== "number" || at < each.from || at > each.from + each.words.length) return [each];
    const before = { words: each.words.slice(0, at - each.from), from: each.from };
    return [before, ...words, { words: each.words.slice(at - each.from), from: at }];
  });
}

function originOf(pieces: readonly Piece[], stretch: Stretch): Stretch | Reference | null {
  let at = 0;
  for (const { words, from } of pieces) {
    const start = stretch.start - at;
    at += words.length;
    if (start < 0 || start >= words.length || from === null) continue;
    if (typeof from !== "number") return from;
    const most = Math.max(
      ...pieces.map((each) => (typeof each.from === "number" ? each.from + each.words.length : 0)),
    );
    return { start: from + start, end: Math.min(most, from + start + (stretch.end - stretch.start)) };
  }
  return null;
}

/** A prompt with the pictures that it names in front, or as references, taken out: they are shown beside the text. */
export function takenApart(
  prompt: string,
  language: Language = UNKNOWN,
): { text: string; references: Reference[] } {
  const references: Reference[] = [];
  let text = prompt;
  for (const [kind, name] of Object.entries(PARAMETER_OF)) {
    const found = outline(text, language.naming).parameters.find(
      (each) => each.name === name && each.depth === 0,
    );
    if (!found || /[{}]/.test(found.text)) continue;
    const kept: string[] = [];
    for (const word of (found.value ?? "").split(/\s+/)) {
      const [, bare = word, weight] = /^(.*?)(?:::([.0-9]+))?$/.exec(word) ?? [];
      if (LINK.test(bare)) references.push(reference(kind as ReferenceKind, bare, weight));
      else if (word) kept.push(word);
    }
    if (references.every((each) => each.kind !== kind)) continue;
    const rest = kept.length ? `--${name} ${kept.join(" ")}` : "";
    text = rest
      ? text.slice(0, found.start) + rest + text.slice(found.end)
      : cut(text, found.start, found.end);
  }
  const images: Reference[] = [];
  for (let word = /^\s*(\S+)/.exec(text); word && LINK.test(word[1] ?? ""); word = /^\s*(\S+)/.exec(text)) {
    if (/[{}]/.test(word[0])) break;
    images.push(reference("image", word[1] ?? "", undefined));
    text = text.slice(word[0].length).trimStart();
  }
  return { text, references: [...images, ...references] };
}

function reference(kind: ReferenceKind, source: string, weight: string | undefined): Reference {
  return { kind, reference: source, thumbnail: "", weight: weight ? Number(weight) : null };
}

/** Changes to a prompt's text: set a parameter, take one away. Pure. Whatever else somebody typed stays as they typed it. */

import { outline, unquoted, type Typed } from "./outline";
import { rivalsOf, takesOf, type Language } from "./parameters";

const REFERENCE = /^(?:[a-z][a-z0-9+.-]*:\/\/|upload:|data:image\/|[0-9]+(?:::|$)|random(?:::|$))/i;

/** Where the value of a parameter lies: not all that follows the name need belong to it. Empty where it has none. */
export function valueOf(typed: Typed, text: string, language: Language): { start: number; end: number } {
  let start = typed.named;
  while (start < typed.end && /\s/.test(text.charAt(start))) start++;
  const takes = takesOf(language.of(typed.name));
  if (takes === "nothing" || start >= typed.end) return { start: typed.named, end: typed.named };
  if (takes === "all") return { start, end: typed.end };
  if (takes === "word") return { start, end: wordEnd(unquoted(text), start, typed.end) };
  const mask = unquoted(text);
  let end = start;
  for (let at = start; at < typed.end;) {
    const stop = wordEnd(mask, at, typed.end);
    if (!REFERENCE.test(text.slice(at, stop)) && text[at] !== "{") break;
    end = at = stop;
    while (at < typed.end && /\s/.test(text.charAt(at))) at++;
  }
  return end > start ? { start, end } : { start: typed.named, end: typed.named };
}

/** The value that the text gives a parameter: "" for a flag, null where it is not given; undefined where it is given more
 * than once or in braces, so that no single one can be told. */
export function given(text: string, language: Language, name: string): string | null | undefined {
  const found = outline(text, language.naming).parameters.filter((each) => each.name === name);
  if (found.length > 1 && name !== "no") return undefined;
  const values = found.map((each) => {
    const { start, end } = valueOf(each, text, language);
    return text.slice(start, end).replace(/^[=:]/, "");
  });
  if (found.some((each) => each.depth > 0) || values.some((each) => /[{}]/.test(each))) return undefined;
  return values.length ? values.join(", ") : null;
}

/** The text with a parameter of this value, `true` for a flag; `null` takes it away. What it excludes is taken away, too.
 * One that stands within braces is left alone: it belongs to a choice that no single value can replace. */
export function setParameter(
  text: string,
  language: Language,
  name: string,
  value: string | true | null,
): string {
  let done = text;
  if (value !== null) for (const rival of rivalsOf(name)) done = setParameter(done, language, rival, null);
  const found = outline(done, language.naming).parameters.filter((each) => each.name === name);
  if (found.some((each) => each.depth > 0)) return done;
  for (const each of found.slice(value === null ? 0 : 1).reverse()) done = without(done, language, each);
  if (value === null) return done;
  const first = found[0];
  if (!first) return appended(done, `--${name}${value === true ? "" : ` ${value}`}`);
  if (value === true) return done;
  const { start, end } = valueOf(first, done, language);
  const gap = start === first.named ? " " : "";
  const after = end < first.end && !/\s/.test(done.charAt(end)) ? " " : "";
  return done.slice(0, start) + gap + value + after + done.slice(end);
}

/** The text without this one parameter; words that were typed behind its value stay. */
export function without(text: string, language: Language, typed: Typed): string {
  if (typed.depth > 0) return text;
  const { end } = valueOf(typed, text, language);
  return cut(text, typed.start, end);
}

/** Where the caret belongs that was put at `caret`: in front of parameters that wait for their words, not behind them. */
export function caretFor(text: string, caret: number, language: Language): number {
  if (caret < text.trimEnd().length || !/^\s/.test(text)) return caret;
  const { words, parameters } = outline(text, language.naming);
  return !words && parameters.length ? 0 : caret;
}

/** The text with `piece` behind it, one space between them. */
export function appended(text: string, piece: string): string {
  const before = text.trimEnd();
  return before ? `${before} ${piece}` : ` ${piece}`;
}

/** The text without a stretch and without the gap that it leaves. */
export function cut(text: string, start: number, end: number): string {
  const before = text.slice(0, start);
  const after = text.slice(end);
  if (/\s$/.test(before) && (after === "" || /^\s/.test(after))) return before.replace(/\s+$/, "") + after;
  if (before === "" && /^\s/.test(after)) return after.trim().startsWith("-") ? after : after.trimStart();
  return before + after;
}

/** Where a word ends; spaces within braces or quotes do not end it. */
function wordEnd(mask: string, start: number, upto: number): number {
  let depth = 0;
  for (let at = start; at < upto; at++) {
    const char = mask.charAt(at);
    if (char === "{") depth++;
    if (char === "}") depth--;
    if (depth <= 0 && /\s/.test(char)) return at;
  }
  return upto;
}

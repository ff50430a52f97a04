/** The mend that a fault's hint names, as a new text, where the hint leaves no doubt. Pure. */

import { appended, cut, valueOf, without } from "./edit";
import { outline, type Stretch } from "./outline";
import type { Language } from "./parameters";

export interface Fix {
  /** What the button says. */
  words: string;
  text: string;
}

/** How a text with a fault at `place` is mended; null where its hint names nothing that is surely right. */
export function fixOf(hint: string, place: Stretch | null, text: string, language: Language): Fix | null {
  if (!place) return null;
  const piece = text.slice(place.start, place.end);
  const written = /^(?:Try|Write) (-{2}[^,]+?)(?:\.$|, or )/.exec(hint)?.[1];
  const named = /^Did you mean (--[a-z]+)\?/.exec(hint)?.[1];
  if (named) return changed(named, text, place, piece.replace(/^[-–—]+\p{L}*/u, named));
  if (written && !/example\.com|upload:/.test(written)) return rewritten(written, place, text, language);
  if (hint.startsWith("Put a space in front"))
    return changed("a space", text, place, ` ${piece}`, "Put in a space");
  if (/move it in front of the first/i.test(hint)) return moved(place, text, language);
  if (hint.includes("leave it away") || hint.startsWith("Keep one of them"))
    return removed(place, text, language);
  if (hint.startsWith("Remove it")) return { words: "Take it away", text: cut(text, place.start, place.end) };
  if (hint.startsWith("Add a }")) return { words: "Close the brace", text: `${text.trimEnd()}}` };
  const shorter = /^Use --(\w+) ([^,]+)\.$/.exec(hint);
  if (shorter) return changed(`--${shorter[1]} ${shorter[2]}`, text, place, `--${shorter[1]} ${shorter[2]}`);
  return null;
}

function changed(words: string, text: string, place: Stretch, piece: string, said = `Use ${words}`): Fix {
  return { words: said, text: text.slice(0, place.start) + piece + text.slice(place.end) };
}

/** The parameter as the hint writes it; words that were typed behind its value stay. */
function rewritten(written: string, place: Stretch, text: string, language: Language): Fix {
  const [name = "", ...rest] = written.slice(2).split(" ");
  const value = rest.join(" ");
  const behind = text.slice(place.start);
  const named = new RegExp(`^[-–—]+\\s*-?${name}[=:\\s]*`, "iu").exec(behind)?.[0] ?? "";
  const typed = outline(text, language.naming).parameters.find((each) => each.start === place.start);
  let end = typed ? valueOf(typed, text, language).end : place.end;
  if (named && value && behind.startsWith(value, named.length))
    end = place.start + named.length + value.length;
  else if (named && !typed) end = place.start + named.trimEnd().length;
  return changed(written, text, { start: place.start, end }, written);
}

function removed(place: Stretch, text: string, language: Language): Fix | null {
  const typed = outline(text, language.naming).parameters.find((each) => each.start === place.start);
  if (!typed || typed.depth > 0) return null;
  const done = without(text, language, typed);
  return done === text ? null : { words: "Take it away", text: done };
}

/** What follows a parameter though it should not goes in front of the first one. */
function moved(place: Stretch, text: string, language: Language): Fix | null {
  const { parameters } = outline(text, language.naming);
  const holder = parameters.find((each) => each.start <= place.start && place.start < each.end);
  const first = parameters[0];
  if (!holder || !first || parameters.some((each) => each.depth > 0)) return null;
  const start = place.start - glued(text.slice(holder.named, place.start)).length;
  const words = text.slice(start, holder.end);
  const rest = cut(text, start, holder.end);
  const before = appended(rest.slice(0, first.start), words).trimStart();
  return { words: "Move it to the words", text: `${before} ${rest.slice(first.start)}` };
}

/** The letters that were typed right behind a number, and the gap after them: "a " of "40a ". */
function glued(value: string): string {
  return /^[\s=:]*[-+]?[\d.:]*\d(\p{L}+\s*)$/u.exec(value)?.[1] ?? "";
}

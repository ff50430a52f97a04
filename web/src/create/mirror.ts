/** The text of the bar cut into runs that look the same: for the layer behind the field. Pure. */

import { valueOf } from "./edit";
import type { Outline, Stretch } from "./outline";
import type { Language } from "./parameters";

export interface Run {
  text: string;
  kind: "words" | "name" | "value" | "link" | "brace";
  faulty: boolean;
}

/** Together they are exactly the text. `faults` may be of no length or lie beyond its end. */
export function runsOf(found: Outline, faults: readonly Stretch[], language: Language): Run[] {
  const { text, parameters, links, braces } = found;
  const kinds = new Array<Run["kind"]>(text.length).fill("words");
  for (const each of parameters) {
    kinds.fill("name", each.start, each.named).fill("value", each.named, valueOf(each, text, language).end);
  }
  for (const each of links) kinds.fill("link", each.start, each.end);
  for (const at of braces) kinds[at] = "brace";
  const faulty = new Array<boolean>(text.length).fill(false);
  for (const each of faults) faulty.fill(true, each.start, Math.max(each.end, each.start + 1));
  const runs: Run[] = [];
  for (let at = 0; at < text.length; at++) {
    const last = runs.at(-1);
    if (last && last.kind === kinds[at] && last.faulty === faulty[at]) last.text += text.charAt(at);
    else runs.push({ text: text.charAt(at), kind: kinds[at] ?? "words", faulty: faulty[at] ?? false });
  }
  return runs;
}

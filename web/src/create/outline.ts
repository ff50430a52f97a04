/** Where things lie in a prompt while it is typed: parameters, links, words. Pure, and judges nothing: the service does.

It splits a text just as the service's own outline does (outline.cases.json holds its answers), so that the bar can colour,
complete and edit at once, without waiting for an answer. Offsets are those of JavaScript's strings. */

export interface Typed {
  /** Its first name, without dashes. */
  name: string;
  text: string;
  /** As typed; null where nothing follows the name. */
  value: string | null;
  start: number;
  /** Where its name ends. */
  named: number;
  end: number;
  /** In how many braces it stands. */
  depth: number;
}

export interface Link {
  text: string;
  start: number;
  end: number;
  kind: "link" | "upload";
}

export interface Stretch {
  start: number;
  end: number;
}

export interface Outline {
  text: string;
  parameters: Typed[];
  links: Link[];
  /** What is to be drawn; null where there is nothing. */
  words: Stretch | null;
  /** Braces and the commas between options. */
  braces: ReadonlySet<number>;
  /** How many braces are open at each character. */
  depths: readonly number[];
}

/** A parameter's first name for any of its names; null for what is none. */
export type Naming = (name: string) => string | null;

const QUOTED = /(?<![^\s([,:;])(?:"(?!\s)[^"]*[^"\s]"(?![\p{L}\p{N}_])|“[^“”]+”)/gu;
const MARKED = /^(?:--(?=[\p{L}\p{N}_])|[–—](?=[A-Za-z]))(\p{L}*)/u;
const LINK = /^(?:[a-z][a-z0-9+.-]*:\/\/|upload:\S|data:image\/)/i;
const WEIGHT = /::[-+.0-9]*$/;
const BLOT = "\0";
const ESCAPABLE = ",{}";

/** Every name stands for itself: until the parameters are known. */
export const anyName: Naming = (name) => name.toLowerCase() || null;

export function outline(text: string, naming: Naming = anyName): Outline {
  const { depths, braces } = nesting(text);
  const quoteless = unquoted(text);
  const mask = Array.from({ length: text.length }, (_, at) => (braces.has(at) ? " " : quoteless[at])).join(
    "",
  );
  const words = Array.from(mask.matchAll(/\S+/g), (match) => ({
    start: match.index,
    end: match.index + match[0].length,
    marked: MARKED.exec(match[0]),
  }));
  const marked = words.filter((word) => word.marked);
  const parameters = marked.flatMap((word, i) => {
    const name = naming(word.marked?.[1] ?? "");
    if (!name) return [];
    const end = endOf(text, word.start, marked[i + 1]?.start ?? text.length, depths, braces);
    return [
      typed(
        text,
        name,
        word.start,
        word.start + (word.marked?.[0].length ?? 0),
        end,
        depths[word.start] ?? 0,
      ),
    ];
  });
  const links = words
    .filter((word) => LINK.test(quoteless.slice(word.start, word.end)))
    .map((word) => link(text, word.start, word.end));
  const first = marked.find((word) => !depths[word.start])?.start ?? text.length;
  return { text, parameters, links, words: drawn(text, words, links, first, braces), braces, depths };
}

/** The text with everything inside quotes blotted out, so that no lettering is taken for syntax. */
export function unquoted(text: string): string {
  return text.replace(QUOTED, (quoted) => BLOT.repeat(quoted.length));
}

function nesting(text: string): { depths: number[]; braces: Set<number> } {
  const depths: number[] = [];
  const braces = new Set<number>();
  let depth = 0;
  let escaped = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    const next = text.charAt(at + 1);
    if (!escaped && (char === "{" || char === "}" || (char === "," && depth > 0))) {
      braces.add(at);
      depth = Math.max(0, depth + (char === "{" ? 1 : 0) - (char === "}" ? 1 : 0));
    }
    escaped = !escaped && char === "\\" && next !== "" && ESCAPABLE.includes(next);
    depths.push(depth);
  }
  return { depths, braces };
}

/** Where a parameter ends: before the next one, or with the option of the braces that it stands in. */
function endOf(
  text: string,
  start: number,
  upto: number,
  depths: readonly number[],
  braces: ReadonlySet<number>,
): number {
  const inside = depths[start] ?? 0;
  let end = upto;
  for (let at = start; at < upto; at++) {
    const depth = depths[at] ?? 0;
    if (!braces.has(at) || !(depth < inside || (inside && depth === inside && text[at] === ","))) continue;
    end = at;
    break;
  }
  while (/\s/.test(text.charAt(end - 1)) || (braces.has(end - 1) && "{,".includes(text.charAt(end - 1))))
    end--;
  return end;
}

function typed(text: string, name: string, start: number, named: number, end: number, depth: number): Typed {
  const value = text.slice(named, end).trim() || null;
  return { name, text: text.slice(start, end), value, start, named, end, depth };
}

function link(text: string, start: number, end: number): Link {
  const bare = text.slice(start, end).replace(WEIGHT, "");
  const kind = bare.toLowerCase().startsWith("upload:") ? "upload" : "link";
  return { text: bare, start, end: start + bare.length, kind };
}

/** From behind the image prompts, which come first, to the first parameter. */
function drawn(
  text: string,
  words: readonly Stretch[],
  links: readonly Link[],
  first: number,
  braces: ReadonlySet<number>,
): Stretch | null {
  const linked = new Set(links.map((each) => each.start));
  let leading = 0;
  while (leading < words.length && linked.has(words[leading]?.start ?? -1)) leading++;
  let start = leading ? (words[leading - 1]?.end ?? 0) : 0;
  let end = first;
  const between = (at: number): boolean => leading > 0 && braces.has(at) && ",}".includes(text.charAt(at));
  while (start < end && (/\s/.test(text.charAt(start)) || between(start))) start++;
  while (end > start && /\s/.test(text.charAt(end - 1))) end--;
  return start < end ? { start, end } : null;
}

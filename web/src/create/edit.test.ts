import { describe, expect, it } from "vitest";
import { caretFor, given, setParameter, valueOf, without } from "./edit";
import { outline } from "./outline";
import { languageOf } from "./parameters";
import { PARAMETERS } from "./parameters.sample";

const language = languageOf([], PARAMETERS);
const set = (text: string, name: string, value: string | true | null): string =>
  setParameter(text, language, name, value);

describe("setParameter", () => {
  it.each([
    ["a fox", "ar", "3:2", "a fox --ar 3:2"],
    ["", "ar", "3:2", " --ar 3:2"],
    ["a fox ", "tile", true, "a fox --tile"],
    ["a fox --aspect 1:1 --s 5", "ar", "3:2", "a fox --aspect 3:2 --s 5"],
    ["a fox --ar", "ar", "3:2", "a fox --ar 3:2"],
    ["a fox --ar16:9 --s 5", "ar", "3:2", "a fox --ar 3:2 --s 5"],
    ["a fox —ar 16:9", "ar", "3:2", "a fox —ar 3:2"],
    ["a fox --ar 1:1 in the snow", "ar", "3:2", "a fox --ar 3:2 in the snow"],
    ["a fox --ar {1:1, 16:9} --s 5", "ar", "3:2", "a fox --ar 3:2 --s 5"],
    ["a fox --s 5 --S 7 --tile", "stylize", "9", "a fox --s 9 --tile"],
    ["a fox --no hats --s 5 --no red cars", "no", "hats", "a fox --no hats --s 5"],
    ["a fox --draft --s 5", "hd", true, "a fox --s 5 --hd"],
    ["a {fox --ar 1:1, bear --ar 2:1}", "ar", "3:2", "a {fox --ar 1:1, bear --ar 2:1}"],
    ["a fox --tile lovely --s 5", "tile", true, "a fox --tile lovely --s 5"],
    ["a fox --sref upload:a 123::2 in blue", "sref", "random", "a fox --sref random in blue"],
  ])("%j, %s to %j: %j", (text, name, value, wanted) => {
    expect(set(text, name, value as string | true)).toBe(wanted);
  });

  it.each([
    ["a fox --ar 3:2 --s 5", "ar", "a fox --s 5"],
    ["a fox --ar 3:2", "ar", "a fox"],
    ["--ar 3:2 --s 5", "ar", " --s 5"],
    ["a fox --tile in the snow", "tile", "a fox in the snow"],
    ["a fox --ar 3:2 in the snow --tile", "ar", "a fox in the snow --tile"],
    ["a fox --no hats, red cars\n--tile", "no", "a fox\n--tile"],
    ["a fox", "ar", "a fox"],
    ["a {fox --tile, bear}", "tile", "a {fox --tile, bear}"],
  ])("takes away: %j, %s: %j", (text, name, wanted) => {
    expect(set(text, name, null)).toBe(wanted);
  });
});

describe("given", () => {
  it("tells what the text says, once and outside of braces", () => {
    expect(given("a --s 5 --tile", language, "stylize")).toBe("5");
    expect(given("a --s 5 --tile", language, "tile")).toBe("");
    expect(given("a --s 5", language, "ar")).toBeNull();
    expect(given("a --s 5 --s 6", language, "stylize")).toBeUndefined();
    expect(given("a --s {5, 6}", language, "stylize")).toBeUndefined();
    expect(given("a --no b --no c, d", language, "no")).toBe("b, c, d");
    expect(given("a --ar=3:2", language, "ar")).toBe("3:2");
  });
});

describe("without", () => {
  it("takes one of two", () => {
    const text = "a --s 5 --s 6 --tile";
    const second = outline(text, language.naming).parameters[1]!;
    expect(without(text, language, second)).toBe("a --s 5 --tile");
  });
});

it.each([
  [" --ar 3:2", 9, 0],
  [" --ar 3:2 ", 9, 0],
  [" --ar 3:2", 4, 4], // somebody looks at the value
  ["--ar 3:2", 8, 8], // typed by hand
  ["a horse --ar 3:2", 16, 16],
  ["", 0, 0],
])("puts the caret before parameters without words: %j, %i", (text, caret, wanted) => {
  expect(caretFor(text, caret, language)).toBe(wanted);
});

describe("whatever was typed", () => {
  /** A small generator with a seed, so that a failure comes again. */
  function random(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
  const PIECES = [
    "a fox", "in {red, blue} paint", '"OPEN --ar 1:1 late"', "upload:ab12", "a::2", "—", "--ar 16:9", "--ar", "--s 5",
    "--s five", "--no red hats, “blue --tile”", "--tile", "--tile loose words", "--foo 3", "--chaos=4", "\n", "  ", "{", "}",
    "\\{", "{--ar 1:1, --s 5}", "—s 5", "😀", "--niji", "--v mini-1", "--sref random 12 https://x.org/a.png::2", "--draft",
  ]; // prettier-ignore
  const VALUES: [string, string | true][] = [
    ["ar", "3:2"], ["stylize", "250"], ["no", "text, frame"], ["tile", true], ["hd", true], ["seed", "7"], ["v", "mini-1"],
    ["sref", "upload:x::2 77"],
  ]; // prettier-ignore
  const untouched = (text: string, names: string[]) =>
    outline(text, language.naming)
      .parameters.filter((each) => ![...names, "no"].includes(each.name))
      .map((each) => {
        const { start, end } = valueOf(each, text, language);
        return `${each.name} ${text.slice(start, end)}`;
      });
  const words = (text: string) => text.split(/\s+/).filter(Boolean);

  it("keeps every other word and parameter, and is set just once", () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const next = random(seed);
      const text = Array.from({ length: next(7) }, () => PIECES[next(PIECES.length)]).join(" ");
      const [name, value] = VALUES[next(VALUES.length)]!;
      const done = set(text, name, value);
      const all = outline(done, language.naming);
      const mine = all.parameters.filter((each) => each.name === name);
      const inBraces = outline(text, language.naming).parameters.some(
        (each) => each.name === name && each.depth > 0,
      );
      const open = (all.depths[done.length - 1] ?? 0) > 0;
      if (inBraces || open) continue;
      expect(mine.length, `${JSON.stringify(text)} -> ${JSON.stringify(done)}`).toBe(1);
      expect(given(done, language, name) ?? "several", JSON.stringify(text)).toBe(
        value === true ? "" : value,
      );
      expect(set(done, name, value), "setting it again changes nothing").toBe(done);
      const rivals = { hd: ["draft", "sd"], v: ["niji"] }[name] ?? [];
      const bare = /--(ar|niji)(?! [0-9])/.test(text); // what stood behind may well become its value
      if (!bare)
        expect(untouched(done, [name, ...rivals]), JSON.stringify(text)).toEqual(
          untouched(text, [name, ...rivals]),
        );
      const prose = ["a", "fox", "in", "paint", "loose", "words", '"OPEN', "😀", 'late"'];
      const lost = text.includes("--no") ? [] : words(text).filter((word) => !words(done).includes(word));
      for (const word of lost) expect(prose, `${word} of ${JSON.stringify(text)}`).not.toContain(word);
      const taken = set(done, name, null);
      expect(given(taken, language, name), JSON.stringify(done)).toBeNull();
    }
  });
});

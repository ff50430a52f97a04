import { describe, expect, it } from "vitest";
import type { Model } from "../api/types";
import { completion, taken } from "./completion";
import { languageOf } from "./parameters";
import { PARAMETERS } from "./parameters.sample";

const model = {
  name: "mini-1",
  default: true,
  aliases: ["1"],
  description: "draws",
  parameters: { chaos: "mini-1 cannot" },
} as unknown as Model;
const language = languageOf([model], PARAMETERS);
/** The caret stands where the bar is. */
const at = (marked: string) => {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const found = completion(text, caret, language);
  return { text, found, offered: found?.options.map((each) => each.text) };
};

describe("completion of names", () => {
  it("offers what begins with the letters, by name before alias before title", () => {
    expect(at("a fox --st|").offered?.slice(0, 4)).toEqual(["--stylize", "--stop", "--style", "--stealth"]);
    expect(at("a fox --aspec|").offered).toEqual(["--ar"]);
    expect(at("a fox --large|").offered).toEqual(["--hd"]);
    expect(at("a fox —weir|").offered).toEqual(["--weird"]);
  });

  it("says why not, and offers that last", () => {
    const { found } = at("--c|");
    expect(found?.options.at(-1)).toMatchObject({ text: "--chaos", unable: "mini-1 cannot" });
  });

  it("does not offer twice what may stand once", () => {
    expect(at("a --stylize 5 --styl|").offered).toEqual(["--style", "--sref", "--sw"]);
    expect(at("a --no b --n|").offered).toContain("--no");
  });

  it("lets Enter take it only while the name is not whole", () => {
    expect(at("a --sty|").found?.eager).toBe(true);
    expect(at("a --s|").found?.eager).toBe(false);
    expect(at("a --|").found?.eager).toBe(false);
  });

  it.each(["a fox|", "a --|tile", "well--|", "a - |", "a—|", "a --qqq|", "a --stealth|"])(
    "offers nothing in %j",
    (marked) => {
      expect(at(marked).found).toBeNull();
    },
  );
});

describe("completion of values", () => {
  it("offers ratios, choices and models", () => {
    expect(at("a --ar |").offered).toContain("16:9");
    expect(at("a --ar 1|").offered).toEqual(["1:1", "16:9", "1:2"]);
    expect(at("a --quality |").offered).toEqual(["0.25", "0.5", "1", "2", "4"]);
    expect(at("a --v m|").offered).toEqual(["mini-1"]);
  });

  it("tells the range of a number", () => {
    expect(at("a --s |").found).toMatchObject({ options: [], note: expect.stringContaining("0 to 1000") });
    expect(at("a --s 5|").found).toBeNull();
  });

  it.each(["a --ar 16:9|", "a --ar 16:9 |", "a --tile |", "a| --ar 1", "a --ar|"])(
    "offers nothing in %j",
    (marked) => {
      expect(at(marked).found?.kind).not.toBe("value");
    },
  );
});

describe("taken", () => {
  it.each([
    ["a --sty|", "a --stylize |"],
    ["a --sty| --tile", "a --stylize |--tile"],
    ["a --ar 1|6 --tile", "a --ar 1:1 |--tile"],
  ])("%j becomes %j", (marked, wanted) => {
    const { text, found } = at(marked);
    const done = taken(text, found!, found!.options[0]!);
    expect(`${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`).toBe(wanted);
  });
});

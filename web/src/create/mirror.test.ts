import { describe, expect, it } from "vitest";
import { runsOf } from "./mirror";
import { outline } from "./outline";
import { languageOf, UNKNOWN } from "./parameters";
import { PARAMETERS } from "./parameters.sample";

describe("runsOf", () => {
  it("cuts at names, values, links, braces and faults", () => {
    const found = outline("upload:a {x, y} --ar 20:1");
    expect(
      runsOf(found, [{ start: 16, end: 25 }], UNKNOWN).map((run) => [run.text, run.kind, run.faulty]),
    ).toEqual([
      ["upload:a", "link", false],
      [" ", "words", false],
      ["{", "brace", false],
      ["x", "words", false],
      [",", "brace", false],
      [" y", "words", false],
      ["}", "brace", false],
      [" ", "words", false],
      ["--ar", "name", true],
      [" 20:1", "value", true],
    ]);
  });

  it("does not take for a value what a parameter cannot have", () => {
    const language = languageOf([], PARAMETERS);
    const found = runsOf(outline("a --tile in blue", language.naming), [], language);
    expect(found.map((run) => [run.text, run.kind])).toEqual([
      ["a ", "words"],
      ["--tile", "name"],
      [" in blue", "words"],
    ]);
  });

  it.each(["", "😀 fox\n\n--s 5 ", "{{", "a --no {b, c"])("loses nothing of %j", (text) => {
    const runs = runsOf(
      outline(text),
      [
        { start: 1, end: 1 },
        { start: 90, end: 99 },
      ],
      UNKNOWN,
    );
    expect(runs.map((run) => run.text).join("")).toBe(text);
  });
});

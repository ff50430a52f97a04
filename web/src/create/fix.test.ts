import { describe, expect, it } from "vitest";
import { fixOf } from "./fix";
import { languageOf } from "./parameters";
import { PARAMETERS } from "./parameters.sample";

const language = languageOf([], PARAMETERS);
const fixed = (text: string, at: string, hint: string): string | undefined => {
  const start = text.indexOf(at);
  return fixOf(hint, { start, end: start + at.length }, text, language)?.text;
};

describe("fixOf", () => {
  it.each([
    ["a fox --ar 20:1 --s 5", "--ar 20:1", "Try --ar 14:1.", "a fox --ar 14:1 --s 5"],
    ["a fox --ar 9:1 --hd", "--ar 9:1", "Try --ar 4:1, or leave --hd away.", "a fox --ar 4:1 --hd"],
    ["a fox --ar16:9 --s 5", "--ar16:9", "Write --ar 16:9.", "a fox --ar 16:9 --s 5"],
    ["a fox -ar 16:9", "-ar", "Write --ar 16:9.", "a fox --ar 16:9"],
    ["a fox --chas 5", "--chas", "Did you mean --chaos?", "a fox --chaos 5"],
    [
      "a fox --tile in snow --s 5",
      "in",
      "Move it in front of the first parameter.",
      "a fox in snow --tile --s 5",
    ],
    ["a --tile in snow", "in", "Parameters come last: move it in front of the first.", "a in snow --tile"],
    ["a fox --ar 1:1 --ar 2:1", "--ar 2:1", "Keep one of them.", "a fox --ar 1:1"],
    [
      " --ar 16:9 --chaos 40a castle",
      "castle",
      "Parameters come last: move it in front of the first.",
      "a castle --ar 16:9 --chaos 40",
    ],
    ["a fox --weird 5 --s 5", "--weird 5", "Models that can: x. Or leave it away.", "a fox --s 5"],
    ["a {fox, bear", "{", "Add a }, or write \\{ for a brace.", "a {fox, bear}"],
    ["a fox--ar 3:2", "--ar", "Put a space in front of it.", "a fox --ar 3:2"],
    ["a fox --ar 3:2 in blue", "--ar 3:2 in blue", "Try --ar 1:1.", "a fox --ar 1:1 in blue"],
  ])("%j, %j: %s", (text, at, hint, wanted) => {
    expect(fixed(text, at, hint)).toBe(wanted);
  });

  it.each([
    ["a fox --s 5000", "--s 5000", "Use a whole number from 0 to 1000."],
    ["a fox --oref", "--oref", "Try --oref upload:chair."],
    ["a fox", "fox", "Shorten it."],
  ])("promises nothing where the hint leaves a choice: %j, %s", (text, at, hint) => {
    expect(fixed(text, at, hint)).toBeUndefined();
  });

  it("needs a place", () => {
    expect(fixOf("Try --ar 14:1.", null, "a --ar 20:1", language)).toBeNull();
  });
});

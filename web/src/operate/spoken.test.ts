import { expect, test } from "vitest";
import { spoken } from "./spoken";

test.each([
  ["a fox --ar 3:2", "a fox --ar 3:2"],
  ["upload:01a2 a fox", "a fox (with a picture)"],
  ["upload:01a2 https://a.example/b.png a fox --iw 2", "a fox (with a picture) --iw 2"],
  ["upload:01a2", "A picture, no words"],
])("%s is read as %s", (text, expected) => {
  expect(spoken(text)).toBe(expected);
});

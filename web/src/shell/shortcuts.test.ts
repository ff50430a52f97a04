/** What a key event may be called. */

import { expect, test } from "vitest";
import { namesOf } from "./shortcuts.svelte";

const names = (key: string, init: KeyboardEventInit = {}) =>
  namesOf(new KeyboardEvent("keydown", { key, ...init }));

test("what the browser does with Ctrl, Alt or Cmd is never a key alone", () => {
  expect(names("-", { ctrlKey: true })).toEqual(["Ctrl+-"]); // smaller: of the browser
  expect(names("R", { metaKey: true })).toEqual(["Ctrl+R"]); // Caps Lock
  expect(names("T", { ctrlKey: true, shiftKey: true })).toEqual(["Ctrl+Shift+T"]);
});

test("a letter with Shift is not the letter", () => {
  expect(names("T", { shiftKey: true })).toEqual(["Shift+T"]);
  expect(names("t")).toEqual(["T"]);
});

test("a sign is known by itself, wherever it lies on the keyboard", () => {
  expect(names("?", { shiftKey: true, code: "Digit7" })).toContain("?");
  expect(names("!", { shiftKey: true, code: "Digit1" })[0]).toBe("Shift+1");
});

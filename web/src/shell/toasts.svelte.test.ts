import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { heldWhile, say, sayUndo, toasts, unsay } from "./toasts.svelte";

const texts = (): string[] => toasts.map((each) => each.text);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  for (const each of [...toasts]) unsay(each.id);
  vi.useRealTimers();
});

test("a sentence goes by itself, one with a way back stays longer", async () => {
  say("Saved.");
  sayUndo("1 image is in the trash.", () => {});
  await vi.advanceTimersByTimeAsync(6_000);
  expect(texts()).toEqual(["1 image is in the trash."]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(texts()).toEqual([]);
});

test("nothing goes while somebody is at it", async () => {
  let isThere = true;
  const free = heldWhile(() => isThere);
  sayUndo("1 image is in the trash.", () => {});
  await vi.advanceTimersByTimeAsync(60_000);
  expect(texts()).toHaveLength(1);
  isThere = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(texts()).toEqual([]);
  free();
});

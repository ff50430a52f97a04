import { describe, expect, it } from "vitest";
import type { KeptImage } from "../api/types";
import { CHOSEN_MAX, Selection } from "./selection.svelte";

const image = (n: number): KeptImage =>
  ({ id: String(n), files: { png: { size_bytes: 1_000 } }, marks: { liked: false } }) as unknown as KeptImage;
const span = (first: number, last: number): KeptImage[] =>
  Array.from({ length: last - first + 1 }, (_, n) => image(first + n));

function extend(selection: Selection, index: number): void {
  const { first, last } = selection.rangeTo(index);
  selection.put(span(first, last));
}

describe("choosing images", () => {
  it("takes one and lets it go", () => {
    const selection = new Selection();
    selection.toggle(image(3), 3);
    expect([selection.ids, selection.bytes]).toEqual([["3"], 1_000]);
    selection.toggle(image(3), 3);
    expect(selection.size).toBe(0);
  });

  it("draws a range that grows, shrinks and turns, beside what was chosen before", () => {
    const selection = new Selection();
    selection.toggle(image(50), 50);
    selection.toggle(image(10), 10);
    extend(selection, 14);
    expect(selection.size).toBe(6);
    extend(selection, 12);
    expect(selection.ids).toEqual(["50", "10", "11", "12"]);
    extend(selection, 8);
    expect(new Set(selection.ids)).toEqual(new Set(["50", "8", "9", "10"]));
  });

  it("begins a range where it ends when nothing was chosen yet", () => {
    const selection = new Selection();
    expect(selection.rangeTo(7)).toEqual({ first: 7, last: 7, cut: false });
    expect(selection.rangeTo(9)).toEqual({ first: 7, last: 9, cut: false });
  });

  it("goes on from the last image that was let go of", () => {
    const selection = new Selection();
    selection.put(span(0, 5));
    selection.toggle(image(2), 2);
    extend(selection, 3);
    expect(new Set(selection.ids)).toEqual(new Set(["0", "1", "2", "3", "4", "5"]));
  });

  it("stops at the most that there can be, from where the range began", () => {
    const selection = new Selection();
    selection.from(20_000);
    expect(selection.rangeTo(0)).toEqual({ first: 20_001 - CHOSEN_MAX, last: 20_000, cut: true });
    expect(selection.rangeTo(99_999)).toEqual({ first: 20_000, last: 19_999 + CHOSEN_MAX, cut: true });
    selection.put(span(0, CHOSEN_MAX + 50));
    expect(selection.size).toBe(CHOSEN_MAX);
    expect(selection.toggle(image(90_000), 90_000)).toBe(false);
  });

  it("sees what changed, and lets go of what is gone", () => {
    const selection = new Selection();
    selection.put(span(0, 2));
    selection.change("1", { likes: 4 });
    selection.change("9", { likes: 4 });
    selection.drop(["0", "9"]);
    expect(selection.images.map((each) => each.likes)).toEqual([4, undefined]);
    expect(selection.rangeTo(30)).toMatchObject({ first: 30, last: 30 });
  });
});

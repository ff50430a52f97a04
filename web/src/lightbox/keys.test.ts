import { describe, expect, it, vi } from "vitest";
import { VARY } from "./deeds";
import { shortcutsOf, type Doing } from "./keys.svelte";
import { Looking } from "./looking.svelte";

function doing(looking: Looking): Doing {
  const nothing = () => {};
  return {
    looking: () => looking,
    leave: nothing,
    before: vi.fn(),
    after: vi.fn(),
    compare: nothing,
    edit: nothing,
    lineage: nothing,
    like: nothing,
    favourite: nothing,
    hide: nothing,
    rate: vi.fn(),
    save: nothing,
    link: nothing,
    discard: nothing,
    deeds: () => VARY,
    run: vi.fn(),
  };
}
const press = (of: Doing, keys: string, close = false, repeat = false): void =>
  shortcutsOf(of, close)
    .find((each) => each.keys === keys)!
    .run(new KeyboardEvent("keydown", { repeat }));

describe("the keys of the lightbox", () => {
  it("go to the neighbours, or move the picture when one looks closely", () => {
    const looking = new Looking({ width: 1000, height: 1000 });
    looking.resize({ width: 500, height: 500 });
    const of = doing(looking);
    press(of, "ArrowRight");
    expect(of.after).toHaveBeenCalledOnce();
    looking.nearer();
    const before = looking.view.x;
    press(of, "ArrowRight", true);
    expect(of.after).toHaveBeenCalledOnce();
    expect(looking.view.x).toBeLessThan(before);
  });
  it("that cost or throw away do it once, however long they are held", () => {
    const of = { ...doing(new Looking({ width: 10, height: 10 })), discard: vi.fn() };
    for (const repeat of [false, true, true]) {
      press(of, "V", false, repeat);
      press(of, "Delete", false, repeat);
      press(of, "ArrowRight", false, repeat);
    }
    expect(of.run).toHaveBeenCalledOnce();
    expect(of.discard).toHaveBeenCalledOnce();
    expect(of.after).toHaveBeenCalledTimes(3);
  });
  it("have no two meanings, and leave up and down to the page unless one looks closely", () => {
    const of = doing(new Looking({ width: 10, height: 10 }));
    const far = shortcutsOf(of, false).map((each) => each.keys);
    expect(new Set(far).size).toBe(far.length);
    expect(far).not.toContain("ArrowDown");
    expect(shortcutsOf(of, true).map((each) => each.keys)).toContain("ArrowDown");
  });
  it("rate, and do what the panel does", () => {
    const of = doing(new Looking({ width: 10, height: 10 }));
    press(of, "Shift+4");
    expect(of.rate).toHaveBeenCalledWith(4);
    press(of, "V");
    expect(of.run).toHaveBeenCalledWith(VARY[0]);
  });
});

describe("Looking", () => {
  it("stays fitted in another box, and keeps its middle when close", () => {
    const looking = new Looking({ width: 1000, height: 1000 });
    looking.resize({ width: 500, height: 500 });
    looking.resize({ width: 250, height: 400 });
    expect(looking.view).toEqual({ scale: 0.25, x: 0, y: 75 });
    looking.zoom(8);
    const middle = (looking.box.width / 2 - looking.view.x) / looking.view.scale;
    looking.resize({ width: 300, height: 500 });
    expect((150 - looking.view.x) / looking.view.scale).toBeCloseTo(middle, 9);
  });
  it("goes close by a double tap, and back by another", () => {
    const looking = new Looking({ width: 1000, height: 1000 });
    looking.resize({ width: 500, height: 500 });
    looking.twice({ x: 100, y: 100 });
    expect(looking.close).toBe(true);
    looking.twice({ x: 100, y: 100 });
    expect(looking.close).toBe(false);
  });
});

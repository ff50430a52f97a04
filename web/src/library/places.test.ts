import { beforeEach, describe, expect, it } from "vitest";
import { Places, stepHere, type Place } from "./places";

const place = (index: number): Place => ({ index, past: 12, active: index, focused: false });

describe("places on the wall", () => {
  beforeEach(() => sessionStorage.clear());

  it("are found again after a reload", () => {
    const before = new Places(sessionStorage);
    before.set("a", place(4_000));
    before.save();
    expect(new Places(sessionStorage).get("a")).toEqual(place(4_000));
    expect(new Places(sessionStorage).get("b")).toBeNull();
  });

  it("forget the oldest step, not the one that was used again", () => {
    const all = new Places(null);
    for (let n = 0; n < 50; n += 1) all.set(`s${n}`, place(n));
    all.set("s0", place(7));
    all.set("one more", place(1));
    expect([all.get("s0")?.index, all.get("s1")]).toEqual([7, null]);
  });

  it("survive a storage that holds nonsense, or refuses", () => {
    sessionStorage.setItem("darkroom:places", '[["a", 3], "x"]');
    expect(new Places(sessionStorage).get("a")).toBeNull();
    const full = {
      getItem: () => "{",
      setItem: () => {
        throw new Error("full");
      },
    };
    const all = new Places(full);
    all.set("a", place(1));
    expect(() => all.save()).not.toThrow();
  });

  it("name a step of the history once, and leave the rest of it", () => {
    history.replaceState({ depth: 3 }, "");
    const step = stepHere();
    expect(stepHere()).toBe(step);
    expect((history.state as { depth: number }).depth).toBe(3);
    history.pushState({ depth: 4 }, "");
    expect(stepHere()).not.toBe(step);
  });
});

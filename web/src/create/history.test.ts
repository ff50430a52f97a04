import { beforeEach, describe, expect, it } from "vitest";
import type { Job } from "../api/types";
import { prompts, recalled, remember, Walk } from "./history.svelte";

beforeEach(() => localStorage.clear());

describe("prompts", () => {
  it("are what was sent here and what the feed knows, each once, no actions", () => {
    remember("a fox");
    remember("a bear ");
    remember("a fox");
    remember(" ");
    const job = (source: string, action: string): Job => ({ source, action }) as Job;
    expect(
      prompts([job("a bird", "imagine"), job("a bear", "imagine"), job("a cat", "vary_subtle")]),
    ).toEqual(["a fox", "a bear", "a bird"]);
    expect(JSON.parse(localStorage.getItem("darkroom:prompts") ?? "")).toEqual(["a fox", "a bear"]);
  });
});

describe("recalled", () => {
  it("begin with the words, and are not just those", () => {
    const all = ["A red  fox", "a red bear", "blue"];
    expect(recalled(all, " a RED")).toEqual(["A red  fox", "a red bear"]);
    expect(recalled(all, "a red fox")).toEqual([]);
    expect(recalled(all, "")).toEqual(all);
  });
});

describe("Walk", () => {
  it("goes back, and forth to what stood there first", () => {
    const walk = new Walk();
    const all = ["new", "old"];
    expect(walk.go(all, "typed", 1)).toBe("new");
    expect(walk.go(all, "new", 1)).toBe("old");
    expect(walk.go(all, "old", 1)).toBeNull();
    expect(walk.go(all, "old", -1)).toBe("new");
    expect(walk.go(all, "new", -1)).toBe("typed");
    expect(walk.go(all, "typed", -1)).toBeNull();
  });

  it("begins anew where somebody typed", () => {
    const walk = new Walk();
    expect(walk.go(["new", "old"], "", 1)).toBe("new");
    expect(walk.go(["new", "old"], "newer", 1)).toBe("new");
    expect(walk.go(["new", "old"], "new", -1)).toBe("newer");
  });

  it("does not begin with what stands there already", () => {
    expect(new Walk().go(["new", "old"], "new", 1)).toBe("old");
  });
});

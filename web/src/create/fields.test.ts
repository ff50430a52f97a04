import { describe, expect, it } from "vitest";
import { anySeed, boxOf, choiceOf, numberOf, ratioOf, textOf } from "./fields";
import { PARAMETERS } from "./parameters.sample";

const of = (name: string) => PARAMETERS.find((each) => each.name === name)!;

describe("ratios", () => {
  it("are two whole numbers above nothing", () => {
    expect(ratioOf("16:9")).toEqual({ width: 16, height: 9 });
    for (const wrong of ["16x9", "0:3", "3:", "", null, undefined, "1.5:1"])
      expect(ratioOf(wrong)).toBeNull();
  });

  it("fit into their box and stay visible", () => {
    expect(boxOf({ width: 16, height: 8 }, 40)).toEqual({ width: 40, height: 20 });
    expect(boxOf({ width: 1, height: 100 }, 40)).toEqual({ width: 2, height: 40 });
  });
});

describe("numbers", () => {
  it("are what is given, else the default, else the least", () => {
    expect(numberOf(of("stylize"), "250")).toBe(250);
    expect(numberOf(of("stylize"), "much")).toBe(100);
    expect(numberOf(of("stylize"), null)).toBe(100);
    expect(numberOf(of("repeat"), "")).toBe(2);
  });

  it("need not be said where they are the default", () => {
    expect(textOf(of("stylize"), 100)).toBeNull();
    expect(textOf(of("stylize"), 101)).toBe("101");
    expect(textOf(of("iw"), 0.1 + 0.2)).toBe("0.3");
    expect(textOf(of("seed"), 0)).toBe("0");
  });
});

describe("choices", () => {
  it("compare numbers as numbers", () => {
    expect(choiceOf(of("quality"), ".5")).toBe("0.5");
    expect(choiceOf(of("quality"), null)).toBe("1");
    expect(choiceOf(of("quality"), "9")).toBe("");
  });
});

describe("anySeed", () => {
  it("is within its bounds", () => {
    for (let i = 0; i < 50; i++) expect(Number(anySeed(3))).toBeLessThanOrEqual(3);
    expect(anySeed(4294967295)).toMatch(/^\d+$/);
  });
});

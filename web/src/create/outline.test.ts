import { describe, expect, it } from "vitest";
import { moved, unitsOf } from "./offsets";
import { outline } from "./outline";
import cases from "./outline.cases.json";
import { PARAMETERS } from "./parameters.sample";
import { namingOf } from "./parameters";

const naming = namingOf(PARAMETERS);

describe("outline", () => {
  it.each(cases.map((each) => [each.text, each] as const))(
    "of %j is what the service says",
    (text, wanted) => {
      const found = outline(text, naming);
      const units = (at: unknown): number => unitsOf(text, Number(at));
      expect(found.parameters.map((p) => [p.name, p.text, p.value, p.start, p.end])).toEqual(
        wanted.parameters.map(([name, words, value, start, end]) => [
          name,
          words,
          value,
          units(start),
          units(end),
        ]),
      );
      expect(found.links.map((l) => [l.text, l.start, l.end, l.kind])).toEqual(
        wanted.links.map(([words, start, end, kind]) => [words, units(start), units(end), kind]),
      );
      expect(found.words && [found.words.start, found.words.end]).toEqual(
        wanted.words && wanted.words.map(units),
      );
    },
  );

  it("knows where a name ends and how deep it stands", () => {
    const [first, second] = outline("a {x --s 5, y} --ar16:9", naming).parameters;
    expect(first).toMatchObject({ name: "stylize", named: 8, depth: 1, value: "5" });
    expect(second).toMatchObject({ name: "ar", value: "16:9", depth: 0 });
  });

  it("takes every name where the parameters are not known yet", () => {
    expect(outline("a --Foo 3").parameters.map((each) => each.name)).toEqual(["foo"]);
  });
});

describe("unitsOf", () => {
  it("counts an emoji as one character", () => {
    expect(unitsOf("a😀b", 2)).toBe(3);
    expect(unitsOf("a😀b", 99)).toBe(4);
  });
});

describe("moved", () => {
  const text = "a fox --ar 20:1 --s 5";
  const fault = { start: 6, end: 15 };

  it("shifts what lies behind a change and leaves what lies before it", () => {
    expect(moved(fault, text, "a red fox --ar 20:1 --s 5")).toEqual({ start: 10, end: 19 });
    expect(moved(fault, text, "a fox --ar 20:1 --s 50")).toEqual(fault);
  });

  it("forgets what the change touches", () => {
    expect(moved(fault, text, "a fox --ar 2:1 --s 5")).toBeNull();
    expect(moved({ start: 0, end: 5 }, "a fox", "a foxy")).toBeNull();
  });
});

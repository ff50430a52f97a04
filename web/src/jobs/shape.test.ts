import { describe, expect, it } from "vitest";
import { aJob, anImage } from "./sample";
import { quarter, shapeOf, shapeOfPrompt } from "./shape";

const begun = (role: "init" | "style") => ({
  ...aJob().recipe,
  inputs: [{ role, parent_id: "p", kind: "image" as const, weight: 1, source: "" }],
});

describe("shapeOfPrompt", () => {
  it.each([
    ["a fox", 1, 1],
    ["a fox --ar 3:2 --v mini-1", 3, 2],
    ["a fox --aspect 9:16", 9, 16],
    ["a fox --ar 3:2 --ar 1:2", 1, 2],
    ["a sign that says--ar 3:2", 1, 1],
    ["a fox --ar 0:2", 1, 1],
  ])("%s", (prompt, width, height) => expect(shapeOfPrompt(prompt)).toEqual({ width, height }));
});

describe("shapeOf", () => {
  it("keeps what was promised where the picture came out nearly so, so that nothing jumps", () => {
    const job = aJob({ prompt: "a fox --ar 7:3", images: [anImage({ width: 384, height: 160 })] });
    expect(shapeOf(job)).toEqual({ width: 7, height: 3 });
  });

  it("goes by the picture where it came out otherwise", () => {
    const job = aJob({ images: [anImage({ width: 384, height: 160 })] });
    expect(shapeOf(job)).toEqual({ width: 384, height: 160 });
  });

  it("takes the canvas before the parent, and the parent only where its pixels are the beginning", () => {
    const parent = { width: 2, height: 5 };
    const frame = { width: 512, height: 256, left: 0, top: 0, inner_width: 256, inner_height: 256 };
    expect(shapeOf(aJob({ recipe: { ...begun("init"), frame } }), parent)).toEqual({
      width: 512,
      height: 256,
    });
    expect(shapeOf(aJob({ recipe: begun("init") }), parent)).toEqual(parent);
    expect(shapeOf(aJob({ recipe: begun("style") }), parent)).toEqual({ width: 1, height: 1 });
  });
});

it("shows each picture its own quarter of a look, and a single one the whole", () => {
  expect([0, 1, 2, 3].map((at) => quarter(at, 4))).toEqual([
    { left: 0, top: 0, whole: false },
    { left: -106, top: 0, whole: false },
    { left: 0, top: -106, whole: false },
    { left: -106, top: -106, whole: false },
  ]);
  expect(quarter(0, 1).whole).toBe(true);
});

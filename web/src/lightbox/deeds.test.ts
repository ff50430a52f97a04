import { describe, expect, it } from "vitest";
import type { ImageDetail } from "../api/types";
import { growths, nameOf, unableFor, upscales } from "./deeds";

describe("deeds", () => {
  it("bring words for what is drawn around only where there are some", () => {
    expect(growths(1.2, "  ").square.body).toEqual({ action: "make_square" });
    expect(growths(1.2, " a forest ").pans.map((each) => each.body)).toEqual(
      ["left", "up", "down", "right"].map((direction) => ({ action: "pan", direction, prompt: "a forest" })),
    );
    expect(growths(1.2, "").zooms.map((each) => each.body.zoom)).toEqual([1.5, 2, 1.2]);
  });
  it("upscale by the number that was chosen", () => {
    expect(upscales("4").map((each) => each.body.scale)).toEqual([4, 4]);
  });
  it("that ask the same have the same name", () => {
    expect(nameOf({ action: "pan", direction: "up" })).toBe(nameOf({ direction: "up", action: "pan" }));
    expect(nameOf({ action: "pan", direction: "up" })).not.toBe(nameOf({ action: "pan", direction: "down" }));
  });
});

describe("unableFor", () => {
  const image = (extra: object = {}, parameters: object = {}, recipe: object = {}): ImageDetail =>
    ({ width: 768, height: 512, provenance: { parameters, recipe }, ...extra }) as unknown as ImageDetail;

  it("knows a draft, a large picture, and one that keeps old pixels", () => {
    expect(unableFor(image(), { action: "enhance" })).not.toBeNull();
    expect(unableFor(image({}, { draft: true }), { action: "enhance" })).toBeNull();
    expect(unableFor(image(), { action: "hd" })).toBeNull();
    expect(unableFor(image({}, { hd: true }), { action: "hd" })).not.toBeNull();
    for (const recipe of [{ frame: {} }, { scale: 2 }, { inputs: [{ role: "mask" }] }])
      expect(unableFor(image({}, {}, recipe), { action: "hd" })).not.toBeNull();
  });
  it("knows squares and how large pictures get", () => {
    expect(unableFor(image(), { action: "make_square" })).toBeNull();
    expect(unableFor(image({ width: 512 }), { action: "make_square" })).not.toBeNull();
    expect(unableFor(image({ width: 1024 }), { action: "upscale_subtle", scale: 4 })).toBeNull();
    expect(unableFor(image({ width: 1026 }), { action: "upscale_subtle", scale: 4 })!.hint).toBe("Take 2×.");
    expect(unableFor(image({ width: 2050 }), { action: "upscale_creative", scale: 2 })).not.toBeNull();
  });
});

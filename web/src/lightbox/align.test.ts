import { describe, expect, it } from "vitest";
import type { ImageDetail } from "../api/types";
import { frameOf, originsOf, placeOf } from "./align";

const image = (recipe: unknown): ImageDetail => ({ provenance: { recipe } }) as unknown as ImageDetail;
const frame = { width: 768, height: 320, left: 192, top: 80, inner_width: 384, inner_height: 160 };

describe("placeOf", () => {
  it("follows the frame of a canvas that grew", () => {
    expect(placeOf({ width: 768, height: 320 }, { width: 384, height: 160 }, frame)).toEqual({
      left: 0.25,
      top: 0.25,
      width: 0.5,
      height: 0.5,
    });
  });
  it("fills an upscale", () => {
    expect(placeOf({ width: 1536, height: 640 }, { width: 384, height: 160 }, null)).toEqual({
      left: 0,
      top: 0,
      width: 1,
      height: 1,
    });
  });
  it("fills what has nearly its shape", () => {
    expect(placeOf({ width: 320, height: 224 }, { width: 576, height: 400 }, null).width).toBe(1);
  });
  it("lies in the middle of another shape", () => {
    expect(placeOf({ width: 200, height: 100 }, { width: 100, height: 100 }, null)).toEqual({
      left: 0.25,
      top: 0,
      width: 0.5,
      height: 1,
    });
  });
});

describe("what an image was made of", () => {
  it("has a frame only where all of it is said", () => {
    expect(frameOf(image({ frame }))).toEqual(frame);
    expect(frameOf(image({ frame: { ...frame, left: undefined } }))).toBeNull();
    expect(frameOf(image({}))).toBeNull();
    expect(frameOf(image(undefined))).toBeNull();
  });
  it("names each picture once, the beginning first, without masks", () => {
    const inputs = [
      { role: "style", parent_id: "s", kind: "upload" },
      { role: "mask", parent_id: "m", kind: "upload" },
      { role: "init", parent_id: "i", kind: "image" },
      { role: "style", parent_id: "s", kind: "upload" },
    ];
    expect(originsOf(image({ inputs }))).toEqual([
      { id: "i", role: "init", kind: "image" },
      { id: "s", role: "style", kind: "upload" },
    ]);
    expect(originsOf(image({ action: "imagine" }))).toEqual([]);
  });
});

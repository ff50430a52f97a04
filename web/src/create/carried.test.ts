import { describe, expect, it } from "vitest";
import type { Model } from "../api/types";
import { carriedBy, IMAGE_TYPE, kindUnable, mayCarry } from "./carried";

const transfer = (data: Record<string, string>, files: File[] = []): DataTransfer =>
  ({
    files,
    types: [...Object.keys(data), ...(files.length ? ["Files"] : [])],
    getData: (type: string) => data[type] ?? "",
  }) as unknown as DataTransfer;

describe("carriedBy", () => {
  it("finds files, images of the studio, and links", () => {
    const file = new File(["x"], "a.png", { type: "image/png" });
    expect(carriedBy(transfer({}, [file])).files).toEqual([file]);
    expect(carriedBy(transfer({ [IMAGE_TYPE]: '{"id":"ab-1","thumbnail":"/t"}' })).image).toEqual({
      id: "ab-1",
      thumbnail: "/t",
    });
    expect(carriedBy(transfer({ "text/uri-list": "# x\r\nhttps://x.org/a.png\r\n" })).link).toBe(
      "https://x.org/a.png",
    );
  });

  it.each(["", "{", "null", '{"id":7}', '{"id":"a b"}'])("takes no %j for an image", (text) => {
    expect(carriedBy(transfer({ [IMAGE_TYPE]: text })).image).toBeNull();
  });
});

describe("mayCarry", () => {
  it("leaves drags of text alone", () => {
    expect(mayCarry(["text/plain"])).toBe(false);
    expect(mayCarry(["Files"])).toBe(true);
    expect(mayCarry([IMAGE_TYPE, "text/plain"])).toBe(true);
  });
});

describe("kindUnable", () => {
  const model = {
    name: "mini-1",
    references: { image: true, style: false, character: false, omni: false },
    parameters: {
      sref: "--sref (x) is not. Models that can: big-1, big-2.",
      cref: "No model that is installed can.",
    },
  } as unknown as Model;

  it("says who can", () => {
    expect(kindUnable(model, "image")).toBe("");
    expect(kindUnable(undefined, "omni")).toBe("");
    expect(kindUnable(model, "style")).toBe("mini-1 takes none. Models that can: big-1, big-2.");
    expect(kindUnable(model, "character")).toContain("No model that is installed");
  });
});

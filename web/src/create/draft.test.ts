import { beforeEach, describe, expect, it } from "vitest";
import { draft } from "./draft.svelte";

beforeEach(() => draft.restore("", []));

const keptOf = (name: string): unknown => JSON.parse(localStorage.getItem(`darkroom:${name}`) ?? "null");

describe("draft", () => {
  it("is kept as it changes", () => {
    draft.text = "a fox";
    draft.add("style", "upload:a", "/a.webp");
    expect(keptOf("draft")).toBe("a fox");
    expect(keptOf("draft-references")).toEqual([
      { kind: "style", reference: "upload:a", thumbnail: "/a.webp", weight: null },
    ]);
  });

  it("takes a picture once for each use", () => {
    draft.add("style", "upload:a", "");
    draft.add("style", "upload:a", "");
    draft.add("image", "upload:a", "");
    expect(draft.references.map((each) => each.kind)).toEqual(["style", "image"]);
    draft.alter(draft.references[0]!, { kind: "image" });
    expect(draft.references.map((each) => each.kind)).toEqual(["image"]);
    draft.remove("image", "upload:a");
    expect(draft.references).toEqual([]);
  });

  it("shows a whole prompt with its pictures beside it, and asks for the focus", () => {
    const before = draft.focus;
    draft.use("upload:a a fox --ar 3:2 --sref upload:b::2");
    expect(draft.text).toBe("a fox --ar 3:2");
    expect(draft.references.map(({ kind, reference, weight }) => [kind, reference, weight])).toEqual([
      ["image", "upload:a", null],
      ["style", "upload:b", 2],
    ]);
    expect(draft.focus).toBe(before + 1);
  });
});

import { describe, expect, it } from "vitest";
import { composed, takenApart, type Reference } from "./compose";
import { languageOf } from "./parameters";
import { PARAMETERS } from "./parameters.sample";

const language = languageOf([], PARAMETERS);
const picture = (kind: Reference["kind"], reference: string, weight: number | null = null): Reference => ({
  kind,
  reference,
  thumbnail: "",
  weight,
});
const all = [
  picture("image", "upload:a"),
  picture("image", "https://x.org/b.png"),
  picture("style", "upload:s", 2),
  picture("omni", "upload:o"),
];

describe("composed", () => {
  it("puts image prompts in front and references behind", () => {
    expect(composed("a fox --tile", all, language).prompt).toBe(
      "upload:a https://x.org/b.png a fox --tile --sref upload:s::2 --oref upload:o",
    );
    expect(composed("", all.slice(0, 2), language).prompt).toBe("upload:a https://x.org/b.png ");
    expect(composed("a fox", [], language).prompt).toBe("a fox");
  });

  it("joins what the text names itself", () => {
    expect(composed("a --sref 12 random --s 5", [all[2]!], language).prompt).toBe(
      "a --sref 12 random upload:s::2 --s 5",
    );
  });

  it("knows where a stretch came from", () => {
    const { prompt, origin } = composed("a --sref 12 --s 5", all.slice(0, 3), language);
    const of = (words: string) =>
      origin({ start: prompt.indexOf(words), end: prompt.indexOf(words) + words.length });
    expect(of("--s 5")).toEqual({ start: 12, end: 17 });
    expect(of("12")).toEqual({ start: 9, end: 11 });
    expect(of("upload:s::2")).toEqual(all[2]);
    expect(of("https")).toEqual(all[1]);
    expect(origin({ start: 8, end: 9 })).toBeNull();
  });
});

describe("takenApart", () => {
  it("takes out what composed put in", () => {
    const { text, references } = takenApart(composed("a fox --tile", all, language).prompt, language);
    expect(text).toBe("a fox --tile");
    expect(references).toEqual(all);
  });

  it("leaves codes, braces and everything else where they are", () => {
    expect(takenApart("a --sref 12 upload:s random --s 5", language)).toEqual({
      text: "a --sref 12 random --s 5",
      references: [picture("style", "upload:s")],
    });
    const braces = "{upload:a, upload:b} a --sref {upload:a, 12}";
    expect(takenApart(braces, language)).toEqual({ text: braces, references: [] });
    expect(takenApart("a fox upload:a", language).text).toBe("a fox upload:a");
  });
});

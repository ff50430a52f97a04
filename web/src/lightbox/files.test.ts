import { describe, expect, it } from "vitest";
import { filesOf, nameOf } from "./files";

const image = {
  id: "01a20128-46d5-7f1b-8266-1423a32d04f0",
  prompt: "Ein Käfer / “rot”, am Meer --ar 3:2",
  created_at: "2026-11-22T02:49:06Z",
};

describe("files", () => {
  it("are called by day, words and id", () => {
    expect(nameOf(image, "png")).toBe("2026-11-22_ein-kafer-rot-am-meer_04f0.png");
    expect(nameOf({ ...image, prompt: "--seed 1" }, "webp")).toBe("2026-11-22_04f0.webp");
    expect(nameOf({ ...image, prompt: "fox ".repeat(100) }, "png").length).toBeLessThan(85);
  });
  it("are offered without the thumbnail, the best first", () => {
    const file = (url: string) => ({ url, media_type: "", width: 1, height: 1, size_bytes: 5 });
    const offers = filesOf({ files: { thumbnail: file("t"), webp: file("w"), png: file("p") } });
    expect(offers.map((each) => each.url)).toEqual(["p", "w"]);
  });
});

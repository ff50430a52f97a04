import { expect, it } from "vitest";
import { madeBy, said } from "./words";

it("says what made an image and what guided it", () => {
  expect(said("vary_subtle", ["init"])).toBe("Subtle variation");
  expect(said("imagine", ["style", "prompt"])).toBe("From words, with image prompt and style");
  expect(said("pan", ["init", "replay", "style"])).toBe("Replay");
  expect(madeBy({ kind: "upload", action: null }, [])).toBe("Brought along");
  expect(madeBy({ kind: "image", action: null }, ["init"])).toBe("Not told");
  expect(madeBy({ kind: "image", action: "remix" }, ["init"])).toBe("Remix");
});

import { expect, it } from "vitest";
import type { KeptImage } from "../api/types";
import { daysLeft, wordsOf } from "./words";

const image = {
  id: "01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b",
  prompt: "A red fox, in snow --ar 3:2 --tile",
  visibility: "stealth",
  created_at: "2026-11-21T12:00:00Z",
  marks: { liked: true, favourite: false, hidden: false, rating: 1 },
} as KeptImage;

it("an image is told by its prompt and marks", () => {
  const words = wordsOf(image);
  expect(words).toMatch(/^A red fox, in snow, liked, 1 star, stealth, .*2026/);
  expect(words).not.toContain("favourite");
  expect(wordsOf({ ...image, prompt: "--v mini-1" })).toMatch(/^--v mini-1, /);
  expect(wordsOf({ ...image, prompt: "x".repeat(500) }).split(",")[0]).toHaveLength(160);
});

it("the trash says how long is left", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  expect(daysLeft("2026-11-21T11:59:00Z", now)).toBe("30 days left");
  expect(daysLeft("2026-10-24T12:00:00Z", now)).toBe("2 days left");
  expect(daysLeft("2026-10-22T14:00:00Z", now)).toBe("Last day");
  expect(daysLeft("2026-09-01T00:00:00Z", now)).toBe("Last day");
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { api, Refusal } from "../api/client";
import type { ImageDetail } from "../api/types";
import { favourite, show, trash } from "../library/keeping";
import { jobOf, look, remember, remembered } from "./opened";

const image = (id: string): ImageDetail => ({ id, files: {} }) as unknown as ImageDetail;

afterEach(() => vi.restoreAllMocks());

describe("images that were looked at", () => {
  it("are remembered while their links work", () => {
    remember(image("a"), 1_000);
    expect(remembered("a", 1_000 + 599_000)?.id).toBe("a");
    expect(remembered("a", 1_000 + 601_000)).toBeNull();
  });
  it("are forgotten when there are many newer ones", () => {
    remember(image("old"), 0);
    for (let at = 0; at < 60; at++) remember(image(`new-${at}`), 0);
    expect(remembered("old", 0)).toBeNull();
    expect(remembered("new-0", 0)).not.toBeNull();
  });
  it("are forgotten when they are gone", async () => {
    remember(image("gone"));
    vi.spyOn(api, "get").mockRejectedValue(new Refusal(404, "image_deleted", "Gone."));
    await expect(look("gone")).rejects.toThrow("Gone.");
    expect(remembered("gone")).toBeNull();
  });
});

it("what passes by itself forgets nothing", async () => {
  remember(image("kept"));
  vi.spyOn(api, "get").mockRejectedValue(new Refusal(503, "store_unavailable", "Not now."));
  await expect(look("kept")).rejects.toThrow("Not now.");
  expect(remembered("kept")).not.toBeNull();
});

it("what was done to an image meanwhile holds for what is remembered of it", async () => {
  const marks = { liked: false, favourite: false, rating: 0, hidden: false };
  const seen = { ...image("m"), marks: { ...marks }, likes: 0, visibility: "public" as const };
  remember(seen);
  vi.spyOn(api, "patch").mockResolvedValue({ likes: 0 } as never);
  vi.spyOn(api, "post").mockResolvedValue(undefined as never);
  await favourite({ id: "m", marks: { ...marks }, likes: 0 }, true); // the screen has an object of its own
  await show(["m"], "stealth");
  expect(remembered("m")).toMatchObject({ marks: { favourite: true }, visibility: "stealth" });
  expect(seen.marks.favourite).toBe(false);
  await trash(["m"]);
  expect(remembered("m")).toBeNull();
});

it("a job is asked for once, and again after a refusal", async () => {
  const get = vi.spyOn(api, "get").mockRejectedValueOnce(new Refusal(0, "offline", "No answer."));
  await expect(jobOf("j")).rejects.toThrow();
  get.mockResolvedValue({ id: "j" } as never);
  expect(await Promise.all([jobOf("j"), jobOf("j")])).toHaveLength(2);
  expect(get).toHaveBeenCalledTimes(2);
});

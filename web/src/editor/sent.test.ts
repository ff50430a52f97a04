/** What follows when an edit was asked for. */

import { beforeEach, expect, test } from "vitest";
import { Refusal } from "../api/client";
import type { Job } from "../api/types";
import { made } from "../lightbox/made.svelte";
import { toasts } from "../shell/toasts.svelte";
import { ended, notSent } from "./sent";

const jobs = [{ id: "j1" }] as Job[];

beforeEach(() => {
  history.replaceState(null, "", "/images/i/edit");
  toasts.length = 0;
});

test("its job comes in sight, and the family of the picture knows of it", async () => {
  await ended(Promise.resolve(jobs), "i", location.pathname);
  expect(location.pathname).toBe("/jobs/j1");
  expect(made.from("i")).toEqual(["j1"]);
});

test("who went elsewhere stays there, also before the mask had arrived", async () => {
  history.replaceState(null, "", "/library");
  await ended(Promise.resolve(jobs), "k", "/images/k/edit");
  expect(location.pathname).toBe("/library");
  expect(made.from("k")).toEqual(["j1"]);
});

test("what was refused or taken back has been said, any other mistake is thrown on", async () => {
  const ask = (error: unknown) => ended(Promise.reject(error as Error), "n", "/images/n/edit");
  await ask(new Refusal(422, "mask_invalid", "No."));
  await ask(new DOMException("Taken back.", "AbortError"));
  await expect(ask(new TypeError("ours"))).rejects.toThrow("ours");
  expect(made.from("n")).toEqual([]);
});

test("a region that could not be brought is kept, and it is said why", () => {
  notSent(new Refusal(0, "offline", "", ""));
  notSent(new Refusal(429, "rate_limited", "", "", null, 30));
  expect(toasts.map((each) => each.hint)).toEqual([
    "Your region is kept. Try again in a moment.",
    expect.stringContaining("30 s"),
  ]);
});

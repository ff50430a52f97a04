import { describe, expect, it } from "vitest";
import { again, apart, usable } from "./again";
import { aJob } from "./sample";

const from = (role: "init" | "source" | "style", more = {}) => ({
  ...aJob().recipe,
  inputs: [{ role, parent_id: "p1", kind: "image" as const, weight: 1, source: "" }],
  ...more,
});

describe("apart", () => {
  it("parts words and parameters", () => {
    expect(apart("a well-known fox -- or two --ar 3:2 --v mini-1")).toEqual({
      words: "a well-known fox -- or two",
      parameters: "--ar 3:2 --v mini-1",
    });
    expect(apart("--ar 3:2")).toEqual({ words: "", parameters: "--ar 3:2" });
  });

  it("leaves away pictures, which are shown as such", () => {
    const prompt =
      "upload:0a-1 https://a.example/x.png?y a fox --sref upload:2 upload:3::2 --iw 2 --cref random";
    expect(apart(prompt)).toEqual({ words: "a fox", parameters: "--iw 2 --cref random" });
  });
});

describe("usable", () => {
  it("leaves away a seed that nobody typed, and keeps one that somebody did", () => {
    expect(usable(aJob())).toBe("a red fox --v mini-1");
    const typed = aJob({ source: "a red fox --seed 5" });
    expect(usable(typed)).toBe(typed.prompt);
  });

  it("keeps no seed of an action: its text was never typed", () => {
    const prompt = "a red fox --v mini-1 --seed 5 --tile";
    expect(usable(aJob({ action: "vary_subtle", prompt, source: prompt }))).toBe(
      "a red fox --v mini-1 --tile",
    );
  });
});

describe("again", () => {
  it("submits the prompt of words once more", () => {
    expect(again(aJob())).toEqual({ kind: "prompt", prompt: "a red fox --v mini-1" });
  });

  it("asks for an action on the same image, with its scale", () => {
    const job = aJob({ action: "upscale_subtle", recipe: from("init", { scale: 4 }) });
    expect(again(job)).toEqual({ kind: "action", image: "p1", body: { action: "upscale_subtle", scale: 4 } });
    expect(again(aJob({ action: "reroll", recipe: from("source") }))).toMatchObject({
      kind: "action",
      image: "p1",
    });
  });

  it("leads to the image where the action needs a mask, a side or words", () => {
    expect(again(aJob({ action: "vary_region", recipe: from("init") }))).toEqual({
      kind: "look",
      image: "p1",
    });
  });

  it("replays what was to be replayed", () => {
    const job = aJob({ action: "vary_subtle", recipe: from("init", { replay_of: "o1" }) });
    expect(again(job)).toEqual({ kind: "action", image: "o1", body: { action: "replay" } });
  });
});

import { describe, expect, it } from "vitest";
import { Refusal } from "./client";
import { sentenceOf } from "./sentences";

describe("sentenceOf", () => {
  it("shows the service's own sentence where it is specific", () => {
    const error = new Refusal(
      422,
      "invalid_parameter",
      "--ar 20:1 is wider than 14:1.",
      "Try --ar 14:1.",
      "prompt",
    );
    expect(sentenceOf(error)).toEqual({ text: "--ar 20:1 is wider than 14:1.", hint: "Try --ar 14:1." });
  });

  it("shows ours where the service speaks to engineers", () => {
    const error = new Refusal(
      503,
      "store_unavailable",
      "pool exhausted",
      "Ask again with the same Idempotency-Key.",
    );
    expect(sentenceOf(error).text).toBe("Darkroom cannot reach its storage right now.");
    expect(sentenceOf(error).hint).not.toContain("Idempotency");
  });

  it("stands in where the service says nothing", () => {
    expect(sentenceOf(new Refusal(429, "queue_full", "")).text).toMatch(/as many jobs waiting/);
  });

  it("says when it is possible again, once, and not for a blink", () => {
    const after = (seconds: number, hint = "") =>
      sentenceOf(new Refusal(429, "rate_limited", "Too many.", hint, null, seconds)).hint;
    expect(after(40)).toMatch(/in about 40 s\.$/);
    expect(after(600)).toMatch(/in about 10 min\.$/);
    expect(after(2)).not.toMatch(/about/);
    expect(after(40, "Wait 40 s.")).toBe("Wait 40 s.");
  });

  it("leaves a code that it does not know as it came", () => {
    expect(sentenceOf(new Refusal(418, "toString", "I am a teapot.", "Pour."))).toEqual({
      text: "I am a teapot.",
      hint: "Pour.",
    });
  });
});

import { describe, expect, it } from "vitest";
import { aJob } from "./sample";
import { endWords, place } from "./words";

describe("place", () => {
  it.each([
    [{ state: "ready", position: 3, wait_s: 12 }, "3 jobs ahead, about 12 s"],
    [{ state: "ready", position: 1, wait_s: null }, "1 job ahead"],
    [{ state: "ready", position: 0, wait_s: 0.2 }, "Next in line, starts now"],
    [{ state: "ready", position: null, wait_s: null }, "In the queue"],
    [{ state: "waiting", position: 2, wait_s: null }, "2 jobs of yours before it"],
  ] as const)("%o", (job, words) => expect(place(job)).toBe(words));
});

describe("endWords", () => {
  const ended = (state: "failed" | "rejected", code: string, message = "") =>
    endWords(aJob({ state, error: { code, message } }));

  it("says it in our words where the machine's are for engineers", () => {
    expect(ended("failed", "worker_lost", "Its worker w-17 was lost on attempt 3.").text).not.toContain(
      "w-17",
    );
    expect(ended("rejected", "output_blocked").text).toMatch(/not fit to be shown/);
  });

  it("has a sentence for a code that it does not know, by how the job ended", () => {
    expect(ended("failed", "something_new")).toEqual(ended("failed", "job_failed"));
    expect(ended("failed", "constructor").text).toBe(ended("failed", "job_failed").text);
  });
});

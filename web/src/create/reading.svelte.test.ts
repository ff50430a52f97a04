import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Parsed } from "../api/types";
import { draft } from "./draft.svelte";
import { readAlong, reading, RESTS_MS } from "./reading.svelte";

const known = vi.hoisted(() => ({ session: { account: {}, reached: true } }));
vi.mock("../shell/session.svelte", () => known);

const parsed = (changes: Partial<Parsed>): Parsed =>
  ({ faults: [], notes: [], jobs: 1, images: 4, ...changes }) as Parsed;
const asked: { prompt: string; signal: AbortSignal; answer: (parsed: Parsed) => void }[] = [];
let stop = (): void => {};

beforeEach(async () => {
  vi.useFakeTimers();
  asked.length = 0;
  vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
    const { prompt } = JSON.parse(String(init.body)) as { prompt: string };
    return new Promise((done) =>
      asked.push({
        prompt,
        signal: init.signal!,
        answer: (body) => done(new Response(JSON.stringify(body))),
      }),
    );
  });
  draft.restore("", []);
  stop = $effect.root(() => {
    $effect(readAlong);
  });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Types, and waits until typing rests. */
async function typed(text: string, ms = RESTS_MS): Promise<void> {
  draft.text = text;
  flushSync();
  await vi.advanceTimersByTimeAsync(ms);
}

describe("reading along", () => {
  it("asks when typing rests, and drops what it asked before", async () => {
    await typed("", 1); // what stands there first is asked at once
    asked[0]!.answer(parsed({}));
    await vi.advanceTimersByTimeAsync(1);
    await typed("a f", RESTS_MS / 2);
    await typed("a fox");
    await typed("a foxy");
    const last = asked.filter((each) => each.prompt.startsWith("a f"));
    expect(last.map((each) => each.prompt)).toEqual(["a fox", "a foxy"]);
    expect(last.map((each) => each.signal.aborted)).toEqual([true, false]);
    last[1]!.answer(parsed({ images: 8 }));
    await vi.advanceTimersByTimeAsync(1);
    expect([reading.parsed?.images, reading.current]).toEqual([8, true]);
    const before = asked.length;
    await typed("a foxy", 5_000);
    expect(asked.length, "nothing changed").toBe(before);
  });

  it("places faults where the text of the bar has them, and forgets those that are typed over", async () => {
    draft.add("image", "upload:a", "");
    await typed("😀 --ar 20:1");
    const fault = { code: "x", message: "m", hint: "", field: "prompt", start: 11, end: 20 };
    asked.at(-1)!.answer(parsed({ faults: [fault] }));
    await vi.advanceTimersByTimeAsync(1);
    expect(reading.faults.map((each) => each.place)).toEqual([{ start: 3, end: 12 }]);
    draft.text = "a 😀 --ar 20:1";
    expect(reading.faults.map((each) => each.place)).toEqual([{ start: 5, end: 14 }]);
    draft.text = "a 😀 --ar 2:1";
    expect(reading.faults).toEqual([]);
  });

  it("knows when there is nothing to draw", () => {
    draft.restore(" --ar 3:2", []);
    expect(reading.empty).toBe(true);
    draft.add("style", "upload:s", "");
    expect(reading.empty).toBe(true);
    draft.add("image", "upload:a", "");
    expect(reading.empty).toBe(false);
  });
});

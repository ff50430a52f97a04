import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refusal } from "../api/client";
import { Live } from "./live.svelte";

let hidden = false;
beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
const seen = (isSeen: boolean): void => {
  hidden = !isSeen;
  document.dispatchEvent(new Event("visibilitychange"));
};

test("asks at once, then every so often, and not after its end", async () => {
  let asked = 0;
  const live = new Live(async () => ++asked, 1_000);
  const stop = live.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(live.value).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(live.value).toBe(3);
  stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toBe(3);
});

test("a hidden tab asks nothing, and asks at once when it is seen again", async () => {
  let asked = 0;
  const stop = new Live(async () => ++asked, 1_000).start();
  await vi.advanceTimersByTimeAsync(0);
  seen(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBe(1);
  seen(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toBe(2);
  stop();
});

test("a slow answer is waited for, never asked twice", async () => {
  let asked = 0;
  const answers: (() => void)[] = [];
  const live = new Live(() => {
    asked++;
    return new Promise<number>((done) => answers.push(() => done(asked)));
  }, 1_000);
  const stop = live.start();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toBe(1);
  answers[0]!();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(2);
  stop();
});

test("what is changed while an answer is on its way is asked for after it", async () => {
  const answers: ((value: string) => void)[] = [];
  const live = new Live(() => new Promise<string>((done) => answers.push(done)), 1_000);
  const stop = live.start();
  live.now();
  expect(answers).toHaveLength(1);
  answers[0]!("of before");
  await vi.advanceTimersByTimeAsync(0);
  expect(answers).toHaveLength(2);
  answers[1]!("of after");
  await vi.advanceTimersByTimeAsync(0);
  expect([live.value, answers.length]).toEqual(["of after", 2]);
  stop();
});

test("somebody who goes to and fro between tabs asks no more often", async () => {
  let asked = 0;
  const stop = new Live(async () => ++asked, 1_000).start();
  await vi.advanceTimersByTimeAsync(0);
  for (let i = 0; i < 8; i++) {
    seen(false);
    seen(true);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toBe(2);
  stop();
});

test("what was known stays while nothing answers, and the reason is told", async () => {
  let away = false;
  const live = new Live(async () => {
    if (away) throw new Refusal(503, "store_unavailable", "The database is away.");
    return 7;
  }, 1_000);
  const stop = live.start();
  await vi.advanceTimersByTimeAsync(0);
  away = true;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([live.value, live.fault]).toEqual([7, "Darkroom cannot reach its storage right now."]);
  away = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(live.fault).toBe("");
  stop();
});

test("waits as long as the service asks it to", async () => {
  let asked = 0;
  const live = new Live<number>(async () => {
    asked++;
    throw new Refusal(429, "rate_limited", "Too many requests.", "", null, 30);
  }, 1_000);
  const stop = live.start();
  await vi.advanceTimersByTimeAsync(29_000);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(2);
  stop();
});

test("an answer that comes after the end changes nothing", async () => {
  let answer: (value: number) => void = () => {};
  const live = new Live(() => new Promise<number>((done) => (answer = done)), 1_000);
  const stop = live.start();
  stop();
  answer(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(live.value).toBeNull();
});

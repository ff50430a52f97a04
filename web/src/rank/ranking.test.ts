/** Ranking: the next pair is at hand, answers are held for a moment and sent once, and undo takes one back. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refusal } from "../api/client";
import type { Image } from "../api/types";
import { isLargerStacked, Ranking, type Pair, type RankIn } from "./ranking.svelte";

const pair = (name: string): Pair => [{ id: `${name}1` } as Image, { id: `${name}2` } as Image];
const turned = ([a, b]: Pair): Pair => [b, a];

function served(...pairs: (Pair | null | Refusal)[]) {
  const sent: RankIn[] = [];
  const loaded: string[] = [];
  const rank = vi.fn(async (said: RankIn, _leaving: boolean) => void sent.push(said));
  const ranking = new Ranking({
    pair: async () => {
      const next = pairs.shift() ?? null;
      if (next instanceof Refusal) throw next;
      return next;
    },
    rank,
    load: (each) => void loaded.push(each[0].id),
  });
  return { ranking, sent, loaded, rank };
}

const shown = (ranking: Ranking): string | undefined => ranking.pair?.[0].id;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("the next pair is loaded before this one is answered", async () => {
  const { ranking, loaded } = served(pair("a"), pair("b"), pair("c"), pair("d"));
  await ranking.open();
  await vi.advanceTimersByTimeAsync(0);
  expect([shown(ranking), loaded]).toEqual(["a1", ["a1", "b1", "c1"]]);
  const answered = ranking.answer("left");
  expect(shown(ranking)).toBe("b1"); // at once, before anything was fetched
  await answered;
});

test("an answer is sent with the next one, each once and in its own form", async () => {
  const { ranking, sent } = served(pair("a"), pair("b"), pair("c"), pair("d"), pair("e"));
  await ranking.open();
  for (const outcome of ["left", "right", "tie", "skip"] as const) await ranking.answer(outcome);
  expect(sent).toHaveLength(3);
  await ranking.send(false);
  await ranking.send(false);
  expect(sent).toEqual([
    { winner: "a1", loser: "a2" },
    { winner: "b2", loser: "b1" },
    { left: "c1", right: "c2", outcome: "tie" },
    { left: "d1", right: "d2", outcome: "skip" },
  ]);
  expect(ranking.count).toBe(4);
});

test("an answer that nobody takes back is sent by itself", async () => {
  const { ranking, sent } = served(pair("a"), pair("b"));
  await ranking.open();
  await ranking.answer("left");
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(sent).toEqual([{ winner: "a1", loser: "a2" }]);
  expect(ranking.last).toBeNull();
});

test("undo brings the pair back, and nothing of it was said", async () => {
  const { ranking, sent } = served(pair("a"), pair("b"), pair("c"));
  await ranking.open();
  await ranking.answer("left");
  ranking.undo();
  expect([shown(ranking), ranking.count, ranking.last]).toEqual(["a1", 0, null]);
  await ranking.answer("right");
  expect(shown(ranking)).toBe("b1");
  await vi.advanceTimersByTimeAsync(8_000);
  expect(sent).toEqual([{ winner: "a2", loser: "a1" }]);
});

test("pairs that come again are passed over, whichever way round", async () => {
  const { ranking } = served(pair("a"), turned(pair("a")), pair("a"), pair("b"));
  await ranking.open();
  await ranking.answer("tie");
  expect(shown(ranking)).toBe("b1");
});

test("the last pair of all is answered, sent, and then there are none", async () => {
  const { ranking, sent } = served(pair("a"), null, null);
  await ranking.open();
  await ranking.answer("left");
  expect([ranking.state, ranking.pair, sent.length]).toEqual(["none", null, 1]);
});

test("a fault is said and trying again helps", async () => {
  const { ranking } = served(new Refusal(503, "store_unavailable", "Not now.", "Try again."), pair("a"));
  await ranking.open();
  expect([ranking.fault, ranking.state]).toEqual([
    expect.stringMatching(/^Darkroom cannot reach its storage/),
    "asking",
  ]);
  await ranking.open();
  expect([shown(ranking), ranking.fault, ranking.state]).toEqual(["a1", "", "ready"]);
});

test("what cannot be sent for the moment is sent again, what is gone is forgotten", async () => {
  const { ranking, rank, sent } = served(pair("a"), pair("b"), pair("c"));
  await ranking.open();
  rank.mockRejectedValueOnce(new Refusal(0, "offline", "Away."));
  await ranking.answer("left");
  await ranking.send(false);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(sent).toEqual([{ winner: "a1", loser: "a2" }]);
  rank.mockRejectedValueOnce(new Refusal(404, "not_found", "Gone."));
  await ranking.answer("left");
  await ranking.send(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([sent.length, ranking.fault]).toEqual([1, ""]);
});

test("wide pictures are larger one above the other, tall ones side by side", () => {
  const phone = { width: 366, height: 520 };
  const two = (width: number, height: number) => [
    { width, height },
    { width, height },
  ];
  expect(isLargerStacked(phone, two(384, 160))).toBe(true);
  expect(isLargerStacked(phone, two(256, 256))).toBe(true);
  expect(isLargerStacked(phone, two(160, 384))).toBe(false);
});

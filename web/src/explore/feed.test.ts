/** The feed: pages, another choice meanwhile, faults, and what other screens do to its pictures. */

import { beforeEach, expect, test } from "vitest";
import { Refusal } from "../api/client";
import type { KeptImage } from "../api/types";
import { Feed, type Page, type Wanted } from "./feed.svelte";

const image = (id: string): KeptImage =>
  ({
    id,
    likes: 0,
    marks: { liked: false, favourite: false, hidden: false, rating: 0 },
  }) as unknown as KeptImage;
const page = (ids: string, next: string | null = null): Page => ({
  images: [...ids].map(image),
  seed: null,
  next_cursor: next,
});
const ids = (feed: Feed): string => feed.images.map((each) => each.id).join("");

function served(...answers: (Page | Refusal | Promise<Page>)[]): { feed: Feed; asked: Wanted[] } {
  const asked: Wanted[] = [];
  const feed = new Feed(async (wanted) => {
    asked.push(wanted);
    const answer = await answers.shift()!;
    if (answer instanceof Refusal) throw answer;
    return answer;
  });
  return { feed, asked };
}

beforeEach(() => localStorage.clear());

test("pages come one after the other, without doubles, up to the end", async () => {
  const { feed, asked } = served(page("abc", "c1"), page("cde"));
  await feed.open();
  expect([ids(feed), feed.state]).toEqual(["abc", "ready"]);
  await Promise.all([feed.more(), feed.more()]);
  expect([ids(feed), feed.state]).toEqual(["abcde", "end"]);
  await feed.more();
  await feed.open();
  expect(asked.map((each) => each.cursor)).toEqual([undefined, "c1"]);
});

test("the answer for what nobody wants any more is dropped", async () => {
  let late: (page: Page) => void = () => {};
  const { feed, asked } = served(new Promise<Page>((done) => (late = done)), page("xy"));
  const first = feed.open();
  await feed.choose({ order: "top", words: " fox " });
  late(page("abc"));
  await first;
  expect(ids(feed)).toBe("xy");
  expect(asked[1]).toMatchObject({ order: "top", q: "fox", seed: undefined });
});

test("a shuffle keeps its seed over pages and reloads, and another shuffle is another seed", async () => {
  const { feed, asked } = served(page("a", "c1"), page("b"), page("c"));
  await feed.choose({ order: "random" });
  await feed.more();
  expect(asked[0]!.seed).toBeGreaterThan(0);
  expect(asked[1]!.seed).toBe(asked[0]!.seed);
  const again = served(page("a"));
  await again.feed.open();
  expect(again.asked[0]).toMatchObject({ order: "random", seed: asked[0]!.seed });
  await feed.shuffle();
  expect(asked[2]!.seed).not.toBe(asked[0]!.seed);
});

test("a fault is said, stops fetching by itself, and trying again goes on where it stopped", async () => {
  const refusal = new Refusal(429, "rate_limited", "Too many pages.", "Wait a minute.");
  const { feed, asked } = served(page("ab", "c1"), refusal, page("cd"));
  await feed.open();
  await feed.more();
  expect(feed.fault).toBe("Too many pages. Wait a minute.");
  await feed.more();
  expect(asked).toHaveLength(2);
  await feed.again();
  expect([ids(feed), feed.fault, asked[2]!.cursor]).toEqual(["abcd", "", "c1"]);
});

test("what is hidden goes and comes back to its place, marks change wherever they are made", async () => {
  const { feed } = served(page("abcd"));
  await feed.open();
  feed.heed({ kind: "gone", ids: ["b", "z"] });
  expect(ids(feed)).toBe("acd");
  feed.heed({ kind: "back", ids: ["b", "z"] });
  expect(ids(feed)).toBe("abcd");
  feed.heed({ kind: "back", ids: ["b"] });
  expect(ids(feed)).toBe("abcd");
  feed.heed({ kind: "marked", id: "c", marks: { ...feed.images[2]!.marks, liked: true }, likes: 3 });
  expect([feed.images[2]!.marks.liked, feed.images[2]!.likes]).toEqual([true, 3]);
});

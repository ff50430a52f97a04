import { afterEach, describe, expect, it, vi } from "vitest";
import type { KeptImage } from "../api/types";
import { rate, trash } from "./keeping";
import type { Source } from "./shelf";
import { Shown } from "./shown.svelte";

const settle = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
};

/** Lists of a few images by their query, each of which answers when it is let. */
function lists(all: Record<string, number>) {
  const waiting: Record<string, () => void> = {};
  const images = (query: string): KeptImage[] =>
    Array.from(
      { length: all[query] ?? 0 },
      (_, n) => ({ id: `${query}${n}`, created_at: "", marks: {} }) as KeptImage,
    );
  const sourceOf = (query: string): Source => ({
    start: () =>
      new Promise((done) => {
        waiting[query] = () => done({ count: all[query] ?? 0, first: images(query) });
      }),
    page: async () => ({ images: [] }),
    countNow: async () => all[query] ?? 0,
  });
  const answer = async (query: string): Promise<void> => {
    waiting[query]!();
    await settle();
  };
  return { all, sourceOf, answer };
}

async function showing(query: string, all: Record<string, number>) {
  const service = lists(all);
  const shown = new Shown(service.sourceOf);
  shown.open(query);
  shown.shelf.want(0, 10);
  await service.answer(query);
  return { shown, ...service };
}

afterEach(() => vi.unstubAllGlobals());

describe("what the wall shows", () => {
  it("stays until the next list has something", async () => {
    const { shown, answer } = await showing("a", { a: 3, b: 2 });
    shown.selection.toggle(shown.shelf.at(0)!, 0);
    shown.open("b");
    expect([shown.query, shown.coming, shown.shelf.count]).toEqual(["a", true, 3]);
    await answer("b");
    expect([shown.query, shown.coming, shown.shelf.count, shown.selection.size]).toEqual(["b", false, 2, 0]);
  });

  it("goes back without asking where the next list had not come yet", async () => {
    const { shown, answer } = await showing("a", { a: 3, b: 2 });
    const before = shown.shelf;
    shown.open("b");
    shown.open("a");
    await answer("b");
    expect([shown.shelf === before, shown.query, shown.coming]).toEqual([true, "a", false]);
  });

  it("says how many came since, and shows them at once only where nothing was", async () => {
    const { shown, all, answer } = await showing("a", { a: 3 });
    all["a"] = 5;
    await shown.look(new AbortController().signal);
    expect([shown.newer, shown.shelf.count]).toEqual([2, 3]);
    shown.refresh();
    await answer("a");
    expect([shown.newer, shown.shelf.count]).toEqual([0, 5]);

    const empty = await showing("b", { b: 0 });
    empty.all["b"] = 4;
    await empty.shown.look(new AbortController().signal);
    await empty.answer("b");
    expect([empty.shown.newer, empty.shown.shelf.count]).toEqual([0, 4]);
  });

  it("follows what is done to images, here or on another screen", async () => {
    vi.stubGlobal("fetch", async () => new Response('{"likes": 1}'));
    const { shown } = await showing("a", { a: 3 });
    const stop = shown.follow({ stays: (change) => change.kind === "marked" });
    const [first, second] = [shown.shelf.at(0)!, shown.shelf.at(1)!];
    shown.selection.toggle(first, 0);
    shown.selection.toggle(second, 1);
    await rate({ ...second, marks: { liked: false, favourite: false, hidden: false, rating: 0 } }, 4);
    expect([shown.shelf.at(1)!.marks.rating, shown.selection.images[1]!.marks.rating]).toEqual([4, 4]);
    await trash([first.id]);
    expect([shown.shelf.count, shown.shelf.at(0)!.id, shown.selection.ids]).toEqual([2, "a1", ["a1"]]);
    stop();
    await trash(["a1"]);
    expect(shown.shelf.count).toBe(2);
  });
});

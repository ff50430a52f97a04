import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Refusal } from "../api/client";
import type { KeptImage } from "../api/types";
import { PAGE, Shelf, type Page, type Source } from "./shelf";

interface Asking {
  offset: number;
  limit: number;
  signal: AbortSignal;
  answer: (page?: Page) => void;
  refuse: (error: unknown) => void;
}

/** A list of images that are called by their number, newest first, which answers when the test says so. */
class List implements Source {
  asked: Asking[] = [];
  starts = 0;
  constructor(public all: string[]) {}

  image = (id: string): KeptImage =>
    ({
      id,
      created_at: `2026-11-${String(21 - (Number(id) % 20)).padStart(2, "0")}`,
      marks: {},
    }) as KeptImage;

  async start(): Promise<{ count: number; first: KeptImage[] }> {
    this.starts += 1;
    return { count: this.all.length, first: this.all.slice(0, PAGE).map(this.image) };
  }

  page(offset: number, limit: number, signal: AbortSignal): Promise<Page> {
    return new Promise((done, failed) => {
      const images = this.all.slice(offset, offset + limit).map(this.image);
      this.asked.push({ offset, limit, signal, answer: (page = { images }) => done(page), refuse: failed });
    });
  }

  async countNow(): Promise<number> {
    return this.all.length;
  }

  get offsets(): number[] {
    return this.asked.map((each) => each.offset);
  }
}

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));
const settle = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
};

async function shelved(count: number): Promise<{ list: List; shelf: Shelf; changes: () => number }> {
  const list = new List(many(count));
  let changes = 0;
  const shelf = new Shelf(list, () => (changes += 1));
  shelf.want(0, 20);
  await settle();
  return { list, shelf, changes: () => changes };
}

describe("a shelf", () => {
  it("begins with the newest and how many there are", async () => {
    const { shelf, list, changes } = await shelved(100_000);
    expect([shelf.count, shelf.at(0)?.id, shelf.at(99)?.id, shelf.at(100)]).toEqual([
      100_000,
      "0",
      "99",
      undefined,
    ]);
    expect(list.offsets).toEqual([100]);
    expect(changes()).toBe(1);
  });

  it("asks for what is in sight first, for three pages at most", async () => {
    const { shelf, list } = await shelved(100_000);
    list.asked = [];
    shelf.want(50_010, 50_290);
    expect(list.offsets).toEqual([50_100, 50_000, 50_200]);
    list.asked[0]!.answer();
    await settle();
    expect(shelf.at(50_150)?.id).toBe("50150");
    expect(list.asked).toHaveLength(4);
  });

  it("does not wait for what was scrolled past", async () => {
    const { shelf, list } = await shelved(100_000);
    shelf.want(30_000, 30_050);
    const past = list.asked.filter((each) => each.offset > 1_000);
    shelf.want(80_000, 80_050);
    expect(past.length).toBeGreaterThan(0);
    expect(past.every((each) => each.signal.aborted)).toBe(true);
    past[0]!.answer();
    await settle();
    expect(shelf.at(30_000)).toBeUndefined();
    expect(list.offsets).toContain(80_000);
  });

  it("asks for nothing twice", async () => {
    const { shelf, list } = await shelved(250);
    shelf.want(0, 30);
    list.asked.forEach((each) => each.answer());
    await settle();
    shelf.want(120, 130);
    shelf.want(0, 30);
    expect(list.offsets).toEqual([100, 200]);
  });

  it("forgets what is far away, and still knows its day", async () => {
    const { shelf, list } = await shelved(100_000);
    for (let at = 0; at < 60; at += 1) {
      shelf.want(at * 1_000, at * 1_000 + 20);
      list.asked.forEach((each) => each.answer());
      await settle();
    }
    const held = many(100_000).filter((_, index) => shelf.at(index)).length;
    expect(held).toBeLessThanOrEqual(4_200);
    expect(shelf.at(5)).toBeUndefined();
    expect(shelf.dayAt(5)).toBe("2026-11-21");
    expect(shelf.at(59_005)?.id).toBe("59005");
  });

  it("closes up when images leave, and asks for what came after", async () => {
    const { shelf, list } = await shelved(230);
    list.asked.forEach((each) => each.answer());
    await settle();
    list.all = list.all.filter((id) => !["3", "5", "110"].includes(id));
    shelf.remove(new Set(["3", "5", "110", "unknown"]));
    expect(shelf.count).toBe(227);
    expect([shelf.at(2)?.id, shelf.at(3)?.id, shelf.at(4)?.id, shelf.at(107)?.id, shelf.at(108)?.id]).toEqual(
      ["2", "4", "6", "109", "111"],
    );
    list.asked.forEach((each) => each.answer());
    await settle();
    expect(shelf.at(199)?.id).toBe("202");
  });

  it("shows what it had until it has come anew", async () => {
    const { shelf, list } = await shelved(300);
    list.asked.forEach((each) => each.answer());
    await settle();
    list.all = ["1000", "1001", ...list.all];
    expect(await shelf.newer(new AbortController().signal)).toBe(2);
    shelf.refresh();
    expect(shelf.at(0)?.id).toBe("0");
    await settle();
    expect([shelf.count, shelf.at(0)?.id, shelf.at(150)?.id]).toEqual([302, "1000", "150"]);
    list.asked.slice(-2).forEach((each) => each.answer());
    await settle();
    expect(shelf.at(150)?.id).toBe("148");
  });

  it("ends where the list ends, whatever was said before", async () => {
    const { shelf, list } = await shelved(300);
    shelf.want(290, 299);
    list.all = list.all.slice(0, 250);
    list.asked.at(-1)!.answer({ images: list.all.slice(200).map(list.image) });
    await settle();
    expect([shelf.count, shelf.at(249)?.id, shelf.at(250)]).toEqual([250, "249", undefined]);
  });

  it("grows where a page says that there is more", async () => {
    const { shelf, list } = await shelved(101);
    list.asked[0]!.answer({ images: many(100).map(list.image), count: 201 });
    await settle();
    expect(shelf.count).toBe(201);
  });

  it("changes an image for whoever looks at it", async () => {
    const { shelf, changes } = await shelved(10);
    const before = shelf.at(4)!;
    shelf.change("4", { likes: 7 });
    expect(shelf.at(4)).not.toBe(before);
    expect(shelf.at(4)!.likes).toBe(7);
    const said = changes();
    shelf.change("nobody", { likes: 7 });
    expect(changes()).toBe(said);
  });

  it("asks for links anew when they work no longer, not all the time", async () => {
    const { shelf, list } = await shelved(50);
    shelf.renew(3, 1_000_000);
    expect(list.offsets).toEqual([0]);
    list.asked[0]!.answer();
    await settle();
    shelf.renew(4, 1_030_000);
    expect(list.asked).toHaveLength(1);
    shelf.renew(4, 1_061_000);
    expect(list.asked).toHaveLength(2);
  });

  it("knows what lies around an image, without gaps", async () => {
    const { shelf, list } = await shelved(1_000);
    shelf.want(500, 520);
    list.asked.find((each) => each.offset === 500)!.answer();
    await settle();
    expect(shelf.around(510).map((each) => each.id)).toEqual(many(1_000).slice(500, 600));
    expect(shelf.around(3)).toHaveLength(100);
  });

  it("learns the day of what is scrolled past, seldom, and nothing that it knows", async () => {
    const { shelf, list } = await shelved(100_000);
    list.asked = [];
    shelf.peek(5, 10_000);
    shelf.peek(70_010, 10_000);
    shelf.peek(80_010, 20_000);
    expect(list.asked.map((each) => [each.offset, each.limit])).toEqual([[70_010, 1]]);
    list.asked[0]!.answer();
    await settle();
    expect([shelf.dayAt(70_030), shelf.dayAt(80_010), shelf.at(70_010)]).toEqual([
      "2026-11-11",
      null,
      undefined,
    ]);
    shelf.peek(70_050, 30_000);
    shelf.peek(80_010, 10_100);
    expect(list.asked).toHaveLength(1);
    shelf.peek(80_010, 10_600);
    list.asked[1]!.refuse(new Refusal(429, "rate_limited", "Too many."));
    await settle();
    shelf.peek(80_010, 12_000);
    expect([list.asked.length, shelf.trouble]).toEqual([2, null]);
  });

  it("gives a span to its end, however far it was said to go", async () => {
    const { shelf, list } = await shelved(100);
    const going = shelf.span(95, 5_000, 1_000, new AbortController().signal);
    await settle();
    list.asked.at(-1)!.answer();
    expect((await going).map((each) => each.id)).toEqual(["95", "96", "97", "98", "99"]);
  });

  it("gives a span of images, asking for those that are not here, up to a limit", async () => {
    const { shelf, list } = await shelved(1_000);
    const going = shelf.span(90, 420, 200, new AbortController().signal);
    for (let n = 0; n < 4; n += 1) {
      await settle();
      list.asked.forEach((each) => each.answer());
    }
    const found = await going;
    expect(found.map((each) => each.id)).toEqual(many(1_000).slice(90, 290));
  });
});

describe("a shelf in trouble", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks again when the service was away, later each time", async () => {
    const { shelf, list } = await shelved(1_000);
    list.asked = [];
    shelf.want(500, 510);
    const away = new Refusal(0, "offline", "The service does not answer.");
    list.asked[0]!.refuse(away);
    await settle();
    expect(shelf.trouble).toBe(away);
    const before = list.asked.length;
    shelf.want(500, 511);
    expect(list.asked).toHaveLength(before);
    vi.advanceTimersByTime(1_000);
    expect(list.offsets.filter((each) => each === 500)).toHaveLength(2);
    list.asked.at(-1)!.answer();
    await settle();
    expect([shelf.trouble, shelf.at(500)?.id]).toEqual([null, "500"]);
  });

  it("does not ask again for what was refused", async () => {
    const { shelf, list } = await shelved(1_000);
    shelf.want(500, 510);
    list.asked.at(-1)!.refuse(new Refusal(404, "not_found", "There is no such folder."));
    await settle();
    const before = list.asked.length;
    vi.advanceTimersByTime(60_000);
    expect(list.asked).toHaveLength(before);
    expect(shelf.trouble?.code).toBe("not_found");
  });
});

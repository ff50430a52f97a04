import { afterEach, describe, expect, it, vi } from "vitest";
import { ImagesSource, justAfter, TrashSource } from "./source";

const signal = new AbortController().signal;
const id = (n: number): string => `01939b6a-1f2e-7c3d-8a4b-${n.toString(16).padStart(12, "0")}`;

/** Answers every request by its address; keeps what was asked. */
function service(answer: (url: URL) => unknown): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return new Response(JSON.stringify(answer(new URL(url, "http://studio"))));
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

describe("one's images", () => {
  it("are counted from the image that was newest, so that new ones shift nothing", async () => {
    const asked = service((url) =>
      url.pathname.endsWith("count") ? { count: 7 } : { images: [{ id: id(255) }], next_cursor: null },
    );
    const source = new ImagesSource({ q: "fox", liked: true });
    expect(await source.start(signal)).toEqual({ count: 7, first: [{ id: id(255) }] });
    await source.page(200, 100, signal);
    expect(asked.at(-1)).toBe(`/api/v1/images?q=fox&liked=true&cursor=${id(256)}&offset=200&limit=100`);
    expect(asked).toContain("/api/v1/images/count?q=fox&liked=true");
  });

  it("ask without a query where nothing is narrowed", async () => {
    const asked = service(() => ({ count: 0 }));
    expect(await new ImagesSource({}).countNow(signal)).toBe(0);
    expect(asked).toEqual(["/api/v1/images/count"]);
  });

  it("say that an answer that broke off was none", async () => {
    vi.stubGlobal("fetch", async () => new Response('{"images": ['));
    await expect(new ImagesSource({}).page(0, 100, signal)).rejects.toMatchObject({ code: "offline" });
  });
});

describe("the trash", () => {
  const page = (from: number, to: number, next: string | null) => ({
    images: Array.from({ length: to - from }, (_, n) => ({ id: id(from + n) })),
    next_cursor: next,
  });

  it("grows while there is more, and says when it ends", async () => {
    const asked = service((url) =>
      url.searchParams.get("cursor") ? page(100, 130, null) : page(0, 100, "next"),
    );
    const trash = new TrashSource();
    expect((await trash.start(signal)).count).toBe(101);
    const second = await trash.page(100, 100, signal);
    expect([second.images.length, second.count]).toEqual([30, 130]);
    await trash.page(0, 100, signal);
    expect(asked).toHaveLength(2);
  });

  it("leaves out what was taken out of it", async () => {
    service(() => page(0, 10, null));
    const trash = new TrashSource();
    await trash.start(signal);
    trash.removed(new Set([id(0), id(3)]));
    const { images, count } = await trash.page(0, 100, signal);
    expect([images[0]!.id, images[2]!.id, count]).toEqual([id(1), id(4), 8]);
  });
});

it("the next id carries over", () => {
  expect(justAfter("01939b6a-1f2e-7c3d-8a4b-ffffffffffff")).toBe("01939b6a-1f2e-7c3d-8a4c-000000000000");
});

import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Reference } from "./compose";
import { draft } from "./draft.svelte";
import { isStale, renew } from "./thumbnails";

const picture = (reference: string, thumbnail: string): Reference => ({
  kind: "image",
  reference,
  thumbnail,
  weight: null,
});
const NOW = 1_000_000_000_000;

beforeEach(() => vi.unstubAllGlobals());

describe("isStale", () => {
  it("is what has no address, or one that is over", () => {
    expect(isStale(picture("upload:a", ""), NOW)).toBe(true);
    expect(isStale(picture("upload:a", "/f?expires=1000000030&x=1"), NOW)).toBe(true);
    expect(isStale(picture("upload:a", "/f?expires=1000003600"), NOW)).toBe(false);
    expect(isStale(picture("upload:a", "/f"), NOW)).toBe(false);
    expect(isStale(picture("https://x.org/a.png", ""), NOW)).toBe(false);
  });
});

describe("renew", () => {
  it("finds uploads by their list and images by their id, and asks once for what is gone", async () => {
    const urls: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      urls.push(url);
      const files = { thumbnail: { url: "/image.webp" } };
      if (url.startsWith("/api/v1/uploads?")) return Response.json({ uploads: [{ id: "u", url: "/u.png" }] });
      if (url.endsWith("/images/i")) return Response.json({ files });
      return Response.json({ error: { code: "not_found", message: "There is none." } }, { status: 404 });
    });
    draft.restore("", [picture("upload:u", ""), picture("upload:i", ""), picture("upload:gone", "")]);
    await renew(draft.references);
    expect(draft.references.map((each) => each.thumbnail)).toEqual(["/u.png", "/image.webp", ""]);
    const before = urls.length;
    await renew(draft.references);
    expect(urls.length).toBe(before);
  });
});

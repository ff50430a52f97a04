import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toasts } from "../shell/toasts.svelte";
import {
  addToFolder,
  favourite,
  hide,
  like,
  markAll,
  onKept,
  removeFromFolder,
  show,
  trash,
  type Keepable,
  type Kept,
} from "./keeping";

interface Asked {
  method: string;
  path: string;
  body: any;
}
let asked: Asked[];
let told: Kept[];
let off: () => void;

/** A service that answers what `answer` gives, or refuses with what it throws. */
function service(answer: (one: Asked) => unknown): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
    const one = {
      method: init.method ?? "GET",
      path,
      body: init.body ? JSON.parse(init.body as string) : null,
    };
    asked.push(one);
    try {
      return new Response(JSON.stringify(answer(one)));
    } catch (error) {
      return new Response(JSON.stringify({ error: { code: "no", message: (error as Error).message } }), {
        status: 409,
      });
    }
  });
}

const image = (id = "a"): Keepable => ({
  id,
  marks: { liked: false, favourite: false, hidden: false, rating: 0 },
  likes: 2,
});
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `i${n}`);
const press = async (words: string): Promise<void> => {
  const toast = toasts.findLast((each) => each.action?.words === words);
  await toast!.action!.run();
};

beforeEach(() => {
  asked = [];
  told = [];
  toasts.length = 0;
  off = onKept((change) => told.push(change));
});
afterEach(() => {
  off();
  vi.unstubAllGlobals();
});

describe("marks", () => {
  it("change at once and take the service's count of likes", async () => {
    service(() => ({ likes: 9 }));
    const one = image();
    const going = like(one, true);
    expect([one.marks.liked, one.likes]).toEqual([true, 3]);
    expect(await going).toBe(true);
    expect(one.likes).toBe(9);
    expect(asked).toEqual([{ method: "PATCH", path: "/api/v1/images/a", body: { liked: true } }]);
    expect(told.map((each) => each.kind === "marked" && each.likes)).toEqual([3, 9]);
  });

  it("change back where they are refused, and say why", async () => {
    service(() => {
      throw new Error("A grid cannot be marked.");
    });
    const one = image();
    expect(await favourite(one, true)).toBe(false);
    expect(one.marks.favourite).toBe(false);
    expect(told.at(-1)).toMatchObject({ kind: "marked", marks: { favourite: false } });
    expect(toasts.at(-1)!.text).toBe("A grid cannot be marked.");
  });

  it("of many stop at the first refusal", async () => {
    service(({ path }) => {
      if (path.endsWith("i4")) throw new Error("No.");
      return { likes: 0 };
    });
    const done = await markAll(ids(50).map(image), { rating: 3 });
    expect(done).toBeLessThan(8);
    expect(asked.length).toBeLessThan(10);
    expect(toasts.filter((each) => each.kind === "bad")).toHaveLength(1);
  });

  it("hide with a way back", async () => {
    service(() => ({ likes: 0 }));
    await hide(image(), true);
    await press("Undo");
    expect(told.filter((each) => each.kind !== "marked")).toEqual([
      { kind: "gone", ids: ["a"] },
      { kind: "back", ids: ["a"] },
    ]);
  });
});

describe("many images", () => {
  it("go into the trash in parts, and all come back", async () => {
    service(() => ({ images: [] }));
    expect(await trash(ids(450))).toBe(true);
    expect(asked.map((each) => each.body.ids.length)).toEqual([200, 200, 50]);
    expect(toasts.at(-1)!.text).toBe("450 images are in the trash.");
    await press("Undo");
    expect(asked.slice(3).map((each) => [each.path, each.body.ids.length])).toEqual([
      ["/api/v1/images/restore", 200],
      ["/api/v1/images/restore", 200],
      ["/api/v1/images/restore", 50],
    ]);
    expect(told.at(-1)).toEqual({ kind: "back", ids: ids(450) });
  });

  it("say only what was done where a part is refused", async () => {
    service(({ body }) => {
      if (body.ids.includes("i200")) throw new Error("Not yours.");
      return {};
    });
    expect(await trash(ids(300))).toBe(false);
    expect(told).toEqual([{ kind: "gone", ids: ids(200) }]);
  });

  it("are shown to everybody or nobody", async () => {
    service(() => ({}));
    expect(await show(["a", "b"], "public")).toBe(true);
    expect(asked.map((each) => each.body)).toEqual([{ visibility: "public" }, { visibility: "public" }]);
    expect(told).toEqual([{ kind: "shown", ids: ["a", "b"], visibility: "public" }]);
  });
});

describe("folders", () => {
  const folder = { id: "f", name: "Foxes" };
  let size = 0;
  const answer = ({ path, body }: Asked): unknown => {
    if (path === "/api/v1/folders") return { folders: [{ ...folder, images: size }] };
    size += body.add.length - body.remove.length;
    return { ...folder, images: size };
  };

  it("take images with a way back", async () => {
    size = 3;
    service(answer);
    await addToFolder(["a", "b"], folder);
    expect(toasts.at(-1)!.text).toBe("2 images added to Foxes.");
    await press("Undo");
    expect(asked.at(-1)!.body).toEqual({ add: [], remove: ["a", "b"] });
    expect(told.map((each) => each.kind === "arranged" && each.folder.images)).toEqual([5, 3]);
  });

  it("offer no way back that would take out what lay there before", async () => {
    size = 3;
    service((one) => {
      const now = answer(one) as { images: number };
      return one.method === "POST" ? { ...now, images: 4 } : now;
    });
    await addToFolder(["a", "b"], folder);
    expect(toasts.at(-1)).toMatchObject({ action: null, hint: "1 lay there already." });
  });

  it("let images go, and take them again", async () => {
    size = 3;
    service(answer);
    await removeFromFolder(["a"], folder);
    await press("Undo");
    expect(asked.map((each) => each.body)).toEqual([
      { add: [], remove: ["a"] },
      { add: ["a"], remove: [] },
    ]);
  });
});

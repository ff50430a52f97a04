import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { toasts } from "../shell/toasts.svelte";
import { download, DOWNLOAD_MAX, fileName } from "./download";

let saved: { name: string; size: number }[];
let bodies: unknown[];

beforeEach(() => {
  saved = [];
  bodies = [];
  toasts.length = 0;
  const made = new Map<string, Blob>();
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    made.set("blob:one", blob as Blob);
    return "blob:one";
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push({ name: this.download, size: made.get(this.href)?.size ?? -1 });
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function service(answer: () => Response): void {
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    bodies.push(JSON.parse(init.body as string));
    return answer();
  });
}

it("reads a ZIP as it comes and saves it under the name that the service gave", async () => {
  const stream = new ReadableStream({
    start(controller) {
      for (const bytes of [300, 700]) controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });
  const headers = { "Content-Disposition": 'attachment; filename="darkroom-2026-11-22.zip"' };
  service(() => new Response(stream, { headers }));
  expect(await download(["a", "b"])).toBe(true);
  expect(saved).toEqual([{ name: "darkroom-2026-11-22.zip", size: 1_000 }]);
  expect(toasts.map((each) => each.text)).toEqual(["2 images downloaded."]);
});

it("asks for no more than one ZIP takes, or for a whole folder", async () => {
  service(() => new Response("zip"));
  await download(Array.from({ length: DOWNLOAD_MAX + 5 }, (_, n) => String(n)));
  await download({ folder: "f", name: "Foxes" });
  expect((bodies[0] as { ids: string[] }).ids).toHaveLength(DOWNLOAD_MAX);
  expect(bodies[1]).toEqual({ folder: "f" });
});

it("says a refusal and saves nothing", async () => {
  const error = {
    code: "too_large",
    message: "These images have 5 GiB together.",
    hint: "Take them in parts.",
  };
  service(() => new Response(JSON.stringify({ error }), { status: 422 }));
  expect(await download(["a"])).toBe(false);
  expect(saved).toEqual([]);
  expect(toasts.map((each) => [each.kind, each.text])).toEqual([
    ["bad", "These images have 5 GiB together."],
  ]);
});

it("says that it broke off", async () => {
  const stream = new ReadableStream({
    pull: (controller) => controller.error(new TypeError("network error")),
  });
  service(() => new Response(stream));
  expect(await download(["a"])).toBe(false);
  expect(saved).toEqual([]);
  expect(toasts.at(-1)!.text).toBe("The download broke off.");
});

it("stops when somebody says so", async () => {
  vi.stubGlobal("fetch", (_: string, init: RequestInit) => {
    return new Promise((_done, failed) =>
      init.signal!.addEventListener("abort", () => failed(new DOMException("stopped", "AbortError"))),
    );
  });
  const going = download(["a"]);
  await toasts[0]!.action!.run();
  expect(await going).toBe(false);
  expect(toasts.map((each) => each.text)).toEqual(["The download was stopped."]);
});

it("a file without a name has one all the same", () => {
  expect(fileName(null)).toBe("darkroom.zip");
});

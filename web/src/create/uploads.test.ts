import { beforeEach, describe, expect, it, vi } from "vitest";
import { draft } from "./draft.svelte";
import { arriving, bringFiles, dismiss, unfit } from "./uploads.svelte";

/** Stands in for the browser's request: tests say what becomes of it. */
class Request {
  static all: Request[] = [];
  upload: { onprogress: (event: object) => void } = { onprogress: () => {} };
  onload = (): void => {};
  onerror = (): void => {};
  onabort = (): void => {};
  status = 0;
  responseText = "";
  constructor() {
    Request.all.push(this);
  }
  open(): void {}
  send(): void {}
  abort(): void {
    this.onabort();
  }
  answer(status: number, response: unknown): Promise<void> {
    Object.assign(this, { status, responseText: JSON.stringify(response) });
    this.onload();
    return new Promise((done) => queueMicrotask(() => queueMicrotask(() => queueMicrotask(done))));
  }
}

const png = new File(["x"], "a.png", { type: "image/png" });

beforeEach(() => {
  Request.all = [];
  vi.stubGlobal("XMLHttpRequest", Request);
  draft.restore("", []);
  for (const each of [...arriving.all]) dismiss(each);
});

describe("unfit", () => {
  it("takes pictures up to their size", () => {
    expect(unfit(png)).toBe("");
    expect(unfit({ type: "application/pdf", size: 1 })).toContain("no picture");
    expect(unfit({ type: "image/png", size: 21 * 1024 * 1024 })).toContain("at most");
  });
});

describe("bringFiles", () => {
  it("shows how far a file is, and makes it a reference when it arrived", async () => {
    bringFiles("style", [png]);
    const [request] = Request.all;
    request!.upload.onprogress({ lengthComputable: true, loaded: 1, total: 4 });
    expect(arriving.of("style").map((each) => each.done)).toEqual([0.25]);
    await request!.answer(201, { reference: "upload:u", url: "/u.png" });
    expect(arriving.all).toEqual([]);
    expect(draft.references.map(({ kind, reference, thumbnail }) => [kind, reference, thumbnail])).toEqual([
      ["style", "upload:u", "/u.png"],
    ]);
  });

  it("shows it from the address that this browser knows the service by", async () => {
    bringFiles("image", [png]);
    const url = "http://127.0.0.1:8642/files/u.png?expires=9&signature=s";
    await Request.all[0]!.answer(201, { reference: "upload:u", url });
    expect(draft.references[0]!.thumbnail).toBe("/files/u.png?expires=9&signature=s");
  });

  it("does not say that it is sent again by itself while nothing answers", async () => {
    bringFiles("image", [png]);
    Request.all[0]!.onerror();
    await new Promise((done) => setTimeout(done, 0));
    expect(arriving.all[0]!.fault).toBe("Darkroom does not answer. Try it again in a moment.");
  });

  it("says what was refused, and tries again", async () => {
    bringFiles("image", [png]);
    await Request.all[0]!.answer(422, { error: { code: "odd", message: "Too small.", hint: "Send more." } });
    expect(arriving.all.map((each) => each.fault)).toEqual(["Too small. Send more."]);
    arriving.all[0]!.again();
    expect([Request.all.length, arriving.all[0]!.fault]).toEqual([2, ""]);
  });

  it("sends nothing that is no picture, and forgets what is given up", () => {
    bringFiles("image", [new File(["x"], "a.pdf", { type: "application/pdf" }), png]);
    expect(Request.all.length).toBe(1);
    for (const each of [...arriving.all]) dismiss(each);
    expect(arriving.all).toEqual([]);
  });
});

/** What a browser keeps belongs to whoever was logged in. */

import { beforeEach, expect, test, vi } from "vitest";

const isText = (value: unknown): value is string => typeof value === "string";
const fresh = async () => {
  vi.resetModules();
  return import("./keep");
};

beforeEach(() => localStorage.clear());

test("is there after a reload, before it is known who is there", async () => {
  let page = await fresh();
  expect(page.keepFor("ann")).toBe(false);
  page.keep("draft", "a fox");
  page = await fresh();
  expect(page.kept("draft", "", isText)).toBe("a fox");
  expect(page.keepFor("ann")).toBe(false);
});

test("is not found by somebody else, and is there again for its owner", async () => {
  let page = await fresh();
  page.keepFor("ann");
  page.keep("draft", "a fox");
  page.keep("outbox:1", "x");
  page = await fresh();
  expect(page.keepFor("bob")).toBe(true);
  page = await fresh();
  expect(page.kept("draft", "", isText)).toBe("");
  expect(page.keptNames("outbox:")).toEqual([]);
  page.forget("draft");
  expect(page.keepFor("ann")).toBe(true);
  page = await fresh();
  expect(page.kept("draft", "", isText)).toBe("a fox");
  expect(page.keptNames("outbox:")).toEqual(["outbox:1"]);
});

test("how the studio looks is the browser's, and logging out forgets all of it", async () => {
  let page = await fresh();
  page.keepFor("ann");
  page.keep("theme", "light", "browser");
  page = await fresh();
  page.keepFor("bob");
  page = await fresh();
  expect(page.kept("theme", "dark", isText, "browser")).toBe("light");
  page.forgetAll();
  expect(localStorage.length).toBe(0);
});

test("a browser that keeps nothing does not begin anew for ever", async () => {
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  const page = await fresh();
  expect(page.keepFor("ann")).toBe(false);
  vi.restoreAllMocks();
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { restore } from "../library/keeping";
import { api } from "../api/client";
import { around, siblings } from "./siblings.svelte";

afterEach(() => vi.restoreAllMocks());

describe("siblings", () => {
  it("have neighbours in their order, none beyond the ends", () => {
    expect(around(["a", "b", "c"], "b")).toEqual({ before: "a", after: "c", at: 2, of: 3 });
    expect(around(["a", "b"], "a")!.before).toBeNull();
    expect(around(["a", "b"], "b")!.after).toBeNull();
    expect(around(["a"], "x")).toBeNull();
  });
  it("are named once, and those that are gone are left out", () => {
    siblings.set(["a", "b", "a", "c"]);
    expect(siblings.ids).toEqual(["a", "b", "c"]);
    siblings.drop("b");
    expect(siblings.ids).toEqual(["a", "c"]);
  });
  it("are in their places again when they come back out of the trash", async () => {
    vi.spyOn(api, "post").mockResolvedValue(undefined as never);
    siblings.set(["a", "b", "c"]);
    siblings.drop("b");
    expect(siblings.there(["b", "x"])).toEqual(["x"]);
    await restore(["b"], { quiet: true });
    expect(siblings.ids).toEqual(["a", "b", "c"]);
    expect(siblings.there(["b", "x"])).toEqual(["b", "x"]);
  });
});

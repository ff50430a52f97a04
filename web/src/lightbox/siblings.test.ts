import { describe, expect, it } from "vitest";
import { around, siblings } from "./siblings.svelte";

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
});

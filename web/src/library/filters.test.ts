import { describe, expect, it } from "vitest";
import { changed, chipsOf, dayAfter, dayBefore, filterOf, headingOf, pathOf, queryOf } from "./filters";

const FOLDER = "01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b";
const from = (query: string) => filterOf(new URLSearchParams(query));

describe("a filter in an address", () => {
  it("comes back as it was written", () => {
    const query = `q=red+fox&folder=${FOLDER}&favourite=true&liked=false&hidden=true&rating_min=3&model=mini-1&ratio=portrait&visibility=stealth&since=2026-11-01&until=2026-11-22`;
    expect(queryOf(from(query))).toBe(query);
  });

  it("is the same text in whatever order it was written", () => {
    expect(queryOf(from("liked=true&q=fox"))).toBe(queryOf(from("q=fox&liked=true")));
  });

  it("leaves out what none can be", () => {
    expect(
      from(
        "q=+&folder=x&liked=yes&hidden=false&rating_min=9&ratio=round&visibility=all&since=2026-99-99&until=soon&other=1",
      ),
    ).toEqual({});
    expect(from("rating_min=2.5")).toEqual({});
  });

  it("keeps no more words than the service takes", () => {
    expect(from(`q=${"a".repeat(900)}`).q).toHaveLength(200);
  });

  it("is no query at all where nothing is narrowed", () => {
    expect(pathOf({})).toBe("/library");
    expect(pathOf({ q: "a & b" })).toBe("/library?q=a+%26+b");
  });
});

describe("changing a filter", () => {
  it("adds and takes away", () => {
    expect(changed({ q: "fox", liked: true }, { liked: undefined, model: "mini-1" })).toEqual({
      q: "fox",
      model: "mini-1",
    });
    expect(changed({ q: "fox" }, { q: "" })).toEqual({});
  });
});

describe("a filter in words", () => {
  it("has a chip for all but the folder and the words", () => {
    const chips = chipsOf(from(`q=fox&folder=${FOLDER}&rating_min=4&ratio=square&liked=true`));
    expect(chips.map((each) => each.words)).toEqual(["Liked", "4 stars or more", "Square"]);
  });

  it("says the last day that is shown, not the one after", () => {
    expect(dayBefore("2026-03-01")).toBe("2026-02-28");
    expect(dayAfter("2026-12-31")).toBe("2027-01-01");
    const [chip] = chipsOf({ until: "2026-11-22" });
    expect(chip!.words).toContain("21");
  });

  it("has a heading", () => {
    const folder = { id: FOLDER, name: "Foxes", images: 3, created_at: "2026-11-21T00:00:00Z" };
    expect(headingOf({}, [])).toBe("Library");
    expect(headingOf({ favourite: true }, [])).toBe("Favourites");
    expect(headingOf({ favourite: true, q: "x" }, [])).toBe("Library");
    expect(headingOf({ folder: FOLDER, liked: true }, [folder])).toBe("Foxes");
  });
});

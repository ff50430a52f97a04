import { expect, test } from "vitest";
import { Refusal } from "../api/client";
import { merged, Pages, type Page } from "./pages.svelte";

interface Row {
  id: number;
  state?: string;
}
const rows = (...ids: number[]): Row[] => ids.map((id) => ({ id }));
const ids = (items: readonly Row[]): number[] => items.map((each) => each.id);
const id = (row: Row): number => row.id;

test("a page that came anew changes what it knows and keeps what stands behind it", () => {
  const { items, isWhole } = merged(rows(5, 4, 3, 2, 1), [{ id: 6 }, { id: 5, state: "new" }, { id: 4 }], id);
  expect(ids(items)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(items[1]?.state).toBe("new");
  expect(isWhole).toBe(true);
});

test("what a page does not hold any more is gone", () => {
  expect(ids(merged(rows(5, 4, 3, 2), rows(5, 3), id).items)).toEqual([5, 3, 2]);
});

test("a page that does not touch the list stands alone, because there may be a hole between", () => {
  expect(merged(rows(3, 2, 1), rows(99, 98), id)).toEqual({ items: rows(99, 98), isWhole: false });
});

test("pages follow each other without anything twice", async () => {
  const asked: (string | undefined)[] = [];
  const pages = new Pages<Row>(async (cursor) => {
    asked.push(cursor);
    return cursor ? { items: rows(3, 2), next: null } : { items: rows(4, 3), next: "c" };
  }, id);
  expect(pages.state).toBe("first");
  await pages.begin();
  await pages.more();
  await pages.more();
  expect(ids(pages.items)).toEqual([4, 3, 2]);
  expect(asked).toEqual([undefined, "c"]);
  await pages.refresh();
  expect(ids(pages.items)).toEqual([4, 3, 2]);
  expect(pages.next).toBeNull();
});

test("a refusal is said, what is shown stays, and the next answer takes the words back", async () => {
  let away = false;
  const pages = new Pages<Row>(async () => {
    if (away) throw new Refusal(503, "store_unavailable", "The database is away.", "Ask again.");
    return { items: rows(1), next: null };
  }, id);
  await pages.begin();
  away = true;
  await pages.refresh();
  expect(pages.fault).toMatch(/^Darkroom cannot reach its storage/);
  expect(ids(pages.items)).toEqual([1]);
  away = false;
  await pages.refresh();
  expect(pages.fault).toBe("");
});

test("an answer that comes after a later question is not taken", async () => {
  const answers: ((page: Page<Row>) => void)[] = [];
  const pages = new Pages<Row>(() => new Promise((done) => answers.push(done)), id);
  const first = pages.begin();
  const second = pages.begin();
  answers[1]!({ items: rows(2), next: null });
  answers[0]!({ items: rows(1), next: null });
  await Promise.all([first, second]);
  expect(ids(pages.items)).toEqual([2]);
});

test("what left the end of a list is gone from it, too", async () => {
  let there = rows(3, 2, 1);
  const pages = new Pages<Row>(async () => ({ items: there, next: null }), id);
  await pages.begin();
  there = rows(3, 2);
  await pages.refresh();
  expect(ids(pages.items)).toEqual([3, 2]);
});

test("an item is put in its place, or taken out", async () => {
  const pages = new Pages<Row>(async () => ({ items: rows(2, 1), next: null }), id);
  await pages.begin();
  pages.put({ id: 1, state: "done" });
  expect(pages.items[1]?.state).toBe("done");
  pages.remove(2);
  expect(ids(pages.items)).toEqual([1]);
});

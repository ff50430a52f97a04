import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test } from "vitest";
import Bars from "./Bars.svelte";
import type { Series, Step } from "./plot";

const SERIES: Series[] = [
  { key: "fast", words: "Fast", tone: "fast" },
  { key: "relax", words: "Relax", tone: "relax" },
];
const FAILED: Series = { key: "failed", words: "of them failed", tone: "bad", striped: true };
const STEPS: Step[] = [
  { key: "1", label: "Monday", tick: "1", values: { fast: 2, relax: 0, failed: 1 } },
  { key: "2", label: "Tuesday", tick: "2", values: { fast: 0, relax: 0, failed: 0 } },
  { key: "3", label: "Wednesday", tick: "3", values: { fast: 4, relax: 3, failed: 0 } },
  { key: "4", label: "Thursday", tick: "4", values: { fast: 0, relax: 0, failed: 0 } },
];
let bars: Record<string, unknown>;

beforeEach(() => {
  const props = { title: "Jobs", what: "Day", series: SERIES, over: FAILED, steps: STEPS };
  bars = mount(Bars, { target: document.body, props });
  flushSync();
});
afterEach(() => unmount(bars));

const slider = (): HTMLElement => document.querySelector("[role=slider]")!;
const press = (key: string): KeyboardEvent => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  slider().dispatchEvent(event);
  flushSync();
  return event;
};

test("begins where something happened last, and says it", () => {
  expect(slider().getAttribute("aria-valuetext")).toBe("Wednesday: Fast 4, Relax 3");
  expect(slider().getAttribute("aria-label")).toBe("Jobs: Day");
});

test("arrow keys walk the days, and what they reach is shown", () => {
  press("ArrowLeft");
  expect(slider().getAttribute("aria-valuetext")).toBe("Tuesday: nothing");
  press("Home");
  expect(slider().getAttribute("aria-valuetext")).toBe("Monday: Fast 2, of them failed 1");
  expect(slider().getAttribute("aria-valuenow")).toBe("0");
  expect(document.querySelector(".figures")?.textContent).toContain("Monday");
});

test("other keys are left to the page", () => {
  expect(press("r").defaultPrevented).toBe(false);
  expect(press("End").defaultPrevented).toBe(true);
});

test("the table holds what happened, for everybody or for screen readers alone", () => {
  const rows = [...document.querySelectorAll("tbody tr")].map((row) =>
    row.textContent?.replace(/\s+/g, " ").trim(),
  );
  expect(rows).toHaveLength(2);
  expect(rows[1]).toMatch(/^Wednesday ?4 ?3 ?0$/);
  const region = document.querySelector(".table")!;
  expect(region.classList.contains("unseen")).toBe(true);
  document.querySelector("button")!.click();
  flushSync();
  expect(region.classList.contains("unseen")).toBe(false);
});

/** An edit: tools change the region, undo takes them back, and a reload finds everything. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Edit } from "./edit.svelte";
import { keepEdit, keptEdit, type KeptEdit } from "./kept-edits";
import { Keyboard } from "./keyboard.svelte";
import { bounds, isNowhere, type Box } from "./mask";
import { middle, NOTHING, steered, Use, type Begun } from "./tools";

const size = { width: 64, height: 48 };
const prompt = "a red fox --ar 4:3";

function begun(id = "one") {
  const edit = new Edit(id, size, prompt);
  let now: Begun = NOTHING;
  const use = new Use(
    edit,
    () => 2,
    (next) => (now = next),
  );
  const painted: Box[] = [];
  edit.onpaint = (box) => void painted.push(box);
  const drag = (...points: [number, number][]): void => {
    const [first, ...rest] = points.map(([x, y]) => ({ x, y }));
    use.down(first!, 1, false);
    for (const each of rest) use.move(each, 1);
    use.up(rest.at(-1) ?? first!);
  };
  return { edit, use, painted, drag, begun: () => now };
}

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test("the brush paints, the eraser takes away, and each is one step back", () => {
  const { edit, drag } = begun();
  edit.brush = 8;
  drag([10, 20], [50, 20]);
  const after = edit.share;
  expect(bounds(edit.mask)).toEqual({ left: 6, top: 16, right: 54, bottom: 24 });
  edit.tool = "eraser";
  drag([30, 20], [31, 20]);
  expect(edit.share).toBeLessThan(after);
  edit.undo();
  expect(edit.share).toBe(after);
  edit.undo();
  expect([edit.isEmpty, edit.canUndo, edit.canRedo]).toEqual([true, false, true]);
  edit.redo();
  expect(edit.share).toBe(after);
});

test("Shift draws a straight line from where the brush was", () => {
  const { edit, use, drag } = begun();
  edit.brush = 4;
  drag([5, 5]);
  use.down({ x: 55, y: 5 }, 1, true);
  use.up({ x: 55, y: 5 });
  for (let x = 5; x < 55; x++) expect(edit.mask.data[5 * 64 + x]).toBe(1);
});

test("what is painted is repainted with its feather around it", () => {
  const { edit, painted, drag } = begun();
  edit.setFeather(2);
  edit.brush = 4;
  painted.length = 0;
  drag([30, 20]);
  expect(painted[0]).toEqual({ left: 23, top: 13, right: 37, bottom: 27 });
});

test("a dragged lasso closes by itself, one of clicks where it began, by Enter, or not at all", () => {
  const { edit, use, drag, begun: now } = begun();
  edit.tool = "lasso";
  drag([10, 10], [40, 10], [40, 30], [10, 30]);
  expect(bounds(edit.mask)).toEqual({ left: 10, top: 10, right: 40, bottom: 30 });
  edit.fill(0);
  for (const point of [
    [5, 5],
    [25, 5],
    [25, 25],
  ] as const)
    drag([...point]);
  expect(edit.isEmpty).toBe(true);
  expect(now()).toMatchObject({ kind: "lasso", points: [{ x: 5 }, { x: 25 }, { y: 25 }] });
  drag([6, 6]); // near its first point
  expect([edit.isEmpty, now()]).toEqual([false, NOTHING]);
  edit.fill(0);
  for (const point of [
    [5, 5],
    [25, 5],
    [25, 25],
    [60, 40],
  ] as const)
    drag([...point]);
  expect(use.back()).toBe(true);
  use.finish();
  expect(bounds(edit.mask).right).toBeLessThanOrEqual(25);
  drag([5, 5]);
  drag([50, 5]);
  expect([use.stop(), use.back(), now()]).toEqual([true, false, NOTHING]);
});

test("a rectangle adds, or takes away where that is chosen", () => {
  const { edit, drag } = begun();
  edit.tool = "rectangle";
  drag([30, 30], [10, 10]);
  expect(bounds(edit.mask)).toEqual({ left: 10, top: 10, right: 30, bottom: 30 });
  edit.takesAway = true;
  drag([0, 0], [64, 20]);
  expect(bounds(edit.mask).top).toBe(20);
});

test("a second finger takes back what the first began", () => {
  const { edit, use } = begun();
  use.down({ x: 10, y: 10 }, 1, false);
  use.move({ x: 20, y: 10 }, 1);
  use.stop();
  expect([isNowhere(bounds(edit.mask)), edit.canUndo]).toEqual([true, false]);
});

test("arrows move a rectangle within the picture and never make it empty", () => {
  const box = middle(size);
  expect(box).toEqual({ left: 16, top: 12, right: 48, bottom: 36 });
  expect(steered(box, "ArrowRight", false, 40, size)).toEqual({ left: 32, top: 12, right: 64, bottom: 36 });
  expect(steered(box, "ArrowUp", false, 4, size)).toEqual({ left: 16, top: 8, right: 48, bottom: 32 });
  expect(steered(box, "ArrowLeft", true, 100, size)).toEqual({ left: 16, top: 12, right: 17, bottom: 36 });
  expect(steered(box, "ArrowDown", true, 100, size).bottom).toBe(48);
});

test("a rectangle is placed by keys alone, added and taken away again", () => {
  const { edit, use } = begun();
  const keyboard = new Keyboard(edit, use, size);
  expect(keyboard.press("ArrowRight", false)).toBe(false); // the brush has no use for it
  edit.tool = "rectangle";
  expect(keyboard.press("Enter", false)).toBe(false);
  for (const [key, shift] of [
    ["ArrowRight", false],
    ["ArrowLeft", false],
    ["ArrowDown", true],
  ] as const)
    expect(keyboard.press(key, shift)).toBe(true);
  expect(keyboard.said).toBe("Rectangle of 32 by 26 pixels at 14, 12.");
  keyboard.press("Enter", false);
  expect(bounds(edit.mask)).toEqual({ left: 14, top: 12, right: 46, bottom: 38 });
  keyboard.press("ArrowDown", false);
  keyboard.press("Delete", false);
  expect(bounds(edit.mask)).toEqual({ left: 14, top: 12, right: 46, bottom: 14 });
  expect([keyboard.press("Escape", false), keyboard.box, keyboard.press("Escape", false)]).toEqual([
    true,
    null,
    false,
  ]);
});

test("a lasso of clicks is closed by Enter and loses points by Backspace", () => {
  const { edit, use, drag } = begun();
  const keyboard = new Keyboard(edit, use, size);
  edit.tool = "lasso";
  expect(keyboard.press("Enter", false)).toBe(false);
  for (const point of [
    [5, 5],
    [25, 5],
    [25, 25],
    [60, 40],
  ] as const)
    drag([...point]);
  expect(keyboard.press("Backspace", false)).toBe(true);
  expect(keyboard.press("Enter", false)).toBe(true);
  expect(bounds(edit.mask)).toMatchObject({ top: 5, right: 25 });
});

test("arrows extend the picture, Escape takes it back", () => {
  const { edit, use } = begun();
  const keyboard = new Keyboard(edit, use, size);
  edit.mode = "frame";
  keyboard.press("ArrowUp", false);
  expect([edit.extension, keyboard.said]).toEqual([{ kind: "up" }, "The new size is 64 by 72 pixels."]);
  expect([keyboard.press("Escape", false), edit.extension.kind, keyboard.press("Escape", false)]).toEqual([
    true,
    "none",
    false,
  ]);
});

test("a reload finds region, words and frame, another image does not", () => {
  const { edit, drag } = begun();
  edit.setFeather(3);
  drag([20, 20], [30, 25]);
  edit.words = "a red fox with a hat";
  edit.mode = "frame";
  edit.extend({ kind: "around", zoom: 1.4 });
  vi.advanceTimersByTime(1_000);
  const again = new Edit("one", size, prompt);
  expect([...again.mask.data]).toEqual([...edit.mask.data]);
  expect([again.feather, again.words, again.mode, again.extension, again.canUndo]).toEqual([
    3,
    "a red fox with a hat",
    "frame",
    { kind: "around", zoom: 1.4 },
    false,
  ]);
  const other = new Edit("two", size, prompt);
  expect([other.isEmpty, other.words, other.mode]).toEqual([true, "a red fox", "region"]);
});

test("what somebody only looked at is not kept, and what was broken is not believed", () => {
  new Edit("one", size, prompt).keepNow();
  expect(keptEdit("one")).toBeNull();
  localStorage.setItem("darkroom:edit:one", '{"mode": "region", "region": 5}');
  expect(new Edit("one", size, prompt).isEmpty).toBe(true);
});

test("the edits of twelve images are kept, the oldest goes", () => {
  const edit: KeptEdit = {
    mode: "region",
    region: "",
    feather: 0,
    words: "x",
    extension: { kind: "none" },
    around: "",
  };
  for (let at = 0; at < 13; at++) keepEdit(`image-${at}`, edit);
  expect(keptEdit("image-0")).toBeNull();
  expect(keptEdit("image-1")).toEqual(edit);
  keepEdit("image-12", { ...edit, region: "A".repeat(700_000) });
  expect(keptEdit("image-12")?.region).toBe("");
});

test("a second finger takes its press back, not the points that a lasso had", () => {
  const { edit, use, drag, begun: now } = begun();
  edit.tool = "lasso";
  drag([5, 5]);
  drag([25, 5]);
  use.down({ x: 60, y: 40 }, 1, false);
  use.cancel();
  expect(now()).toMatchObject({ kind: "lasso", points: [{ x: 5 }, { x: 25 }] });
  drag([25, 25]);
  use.finish();
  expect(bounds(edit.mask)).toMatchObject({ left: 5, right: 25 });
  use.down({ x: 10, y: 10 }, 1, false); // of a stroke, all of it
  use.move({ x: 40, y: 10 }, 1);
  use.cancel();
  expect(now()).toEqual(NOTHING);
});

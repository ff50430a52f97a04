import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LongPress } from "./press";

const touch = { pointerType: "touch" } as PointerEvent;
const mouse = { pointerType: "mouse" } as PointerEvent;
let acted: PointerEvent[];
let press: LongPress;

beforeEach(() => {
  vi.useFakeTimers();
  acted = [];
  press = new LongPress((event) => acted.push(event));
});
afterEach(() => void vi.useRealTimers());

it("a finger that stays acts once, and its click does nothing more", () => {
  press.begin(touch);
  vi.advanceTimersByTime(2_000);
  press.end();
  expect([acted, press.took(), press.took()]).toEqual([[touch], true, false]);
});

it("a tap, a scroll and a mouse are no long press", () => {
  press.begin(touch);
  vi.advanceTimersByTime(200);
  press.end();
  vi.advanceTimersByTime(2_000);
  expect([acted.length, press.took(), press.touched]).toEqual([0, false, true]);
  press.begin(mouse);
  vi.advanceTimersByTime(2_000);
  expect([acted.length, press.touched]).toEqual([0, false]);
});

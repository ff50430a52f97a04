import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gestures } from "./gestures";

let element: HTMLElement;
let off: () => void;
let still = false;
const heard = {
  zoom: vi.fn(),
  move: vi.fn(),
  twice: vi.fn(),
  swipe: vi.fn(),
  still: () => still,
};

function point(
  type: string,
  x: number,
  y: number,
  { id = 1, kind = "mouse", when = 0, buttons = 1 } = {},
): PointerEvent {
  const event = new PointerEvent(type, {
    clientX: x,
    clientY: y,
    pointerId: id,
    pointerType: kind,
    button: 0,
    buttons,
    bubbles: true,
  });
  Object.defineProperty(event, "timeStamp", { value: when });
  element.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  element = document.createElement("div");
  document.body.append(element);
  still = false;
  off = gestures(element, heard);
});
afterEach(() => {
  off();
  element.remove();
  vi.clearAllMocks();
});

describe("gestures", () => {
  it("a drag moves, but for the first trembling", () => {
    point("pointerdown", 10, 10);
    point("pointermove", 12, 11);
    expect(heard.move).not.toHaveBeenCalled();
    point("pointermove", 30, 25);
    expect(heard.move).toHaveBeenLastCalledWith(20, 15);
    point("pointermove", 31, 20);
    expect(heard.move).toHaveBeenLastCalledWith(1, -5);
  });

  it("the click that ends a drag opens nothing, the next one does", () => {
    const opened = vi.fn();
    element.addEventListener("click", opened);
    point("pointerdown", 0, 0);
    point("pointermove", 50, 0);
    point("pointerup", 50, 0);
    element.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    expect(opened).not.toHaveBeenCalled();
    element.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    expect(opened).toHaveBeenCalledOnce();
  });

  it("a finger's drag, which ends without a click, swallows no later one: neither of a button nor of a key", () => {
    const button = document.createElement("button");
    const opened = vi.fn();
    button.addEventListener("click", opened);
    element.append(button);
    off();
    off = gestures(element, { ...heard, mayDrag: (event) => event.target !== button });
    const drag = (): void => {
      point("pointerdown", 0, 0, { kind: "touch" });
      point("pointermove", 50, 0, { kind: "touch" });
      point("pointerup", 50, 0, { kind: "touch" });
    };
    drag();
    button.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, button: 0, pointerId: 3 }));
    button.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    expect(opened).toHaveBeenCalledTimes(1);
    drag();
    button.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 0 }));
    expect(opened).toHaveBeenCalledTimes(2);
  });

  it("a mouse that was let go elsewhere drags nothing", () => {
    point("pointerdown", 10, 10);
    point("pointermove", 100, 100, { buttons: 0 });
    point("pointermove", 150, 150, { buttons: 0 });
    expect(heard.move).not.toHaveBeenCalled();
  });

  it("two fingers zoom around their middle", () => {
    point("pointerdown", 0, 0, { id: 1, kind: "touch" });
    point("pointerdown", 100, 0, { id: 2, kind: "touch" });
    point("pointermove", 200, 0, { id: 2, kind: "touch" });
    expect(heard.zoom).toHaveBeenCalledWith(2, { x: 100, y: 0 });
  });

  it("two taps on a spot are one double tap; two spots are none", () => {
    const tap = (x: number, when: number) => {
      point("pointerdown", x, 5, { when });
      point("pointerup", x, 5, { when });
    };
    tap(5, 0);
    tap(200, 100);
    expect(heard.twice).not.toHaveBeenCalled();
    tap(202, 300);
    expect(heard.twice).toHaveBeenCalledWith({ x: 202, y: 5 });
    tap(202, 400);
    expect(heard.twice).toHaveBeenCalledOnce();
  });

  it("a finger sideways swipes where there is nothing to move", () => {
    still = true;
    point("pointerdown", 200, 50, { kind: "touch" });
    point("pointermove", 100, 55, { kind: "touch" });
    point("pointerup", 100, 55, { kind: "touch" });
    expect(heard.swipe).toHaveBeenCalledExactlyOnceWith("left");
    expect(heard.move).not.toHaveBeenCalled();
    point("pointerdown", 100, 50, { kind: "touch" });
    point("pointermove", 160, 150, { kind: "touch" });
    point("pointerup", 160, 150, { kind: "touch" });
    expect(heard.swipe).toHaveBeenCalledOnce();
  });

  it("the wheel zooms in upwards and the page stays", () => {
    const event = new WheelEvent("wheel", { deltaY: -100, cancelable: true });
    element.dispatchEvent(event);
    expect(heard.zoom.mock.calls[0]![0]).toBeGreaterThan(1);
    expect(event.defaultPrevented).toBe(true);
  });
});

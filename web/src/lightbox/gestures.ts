/** Wheel, drag, pinch, swipe and double tap on an element, told as moving and zooming. Knows neither pictures nor graphs. */

import { pinched, type Point } from "./zoom";

export interface Heard {
  /** Zoom by a factor around a point of the element. */
  zoom: (factor: number, at: Point) => void;
  move: (across: number, down: number) => void;
  /** Double click or double tap. */
  twice?: (at: Point) => void;
  /** A finger went sideways, while `still` says that there is nothing to move. */
  swipe?: (way: "left" | "right") => void;
  still?: () => boolean;
  /** Whether this press may begin a drag: links of the mouse's own drag, sliders and buttons say no. */
  mayDrag?: (event: PointerEvent) => boolean;
}

const WHEEL = 0.0016;
const PINCHED_WHEEL = 0.01; // trackpads tell a pinch as a wheel with Ctrl
const LINE_PX = 16;
const DRAG_PX = 5;
const SWIPE_PX = 56;
const TWICE_MS = 320;
const TWICE_PX = 28;

/** Hears gestures until the answer is called: `{@attach (element) => gestures(element, heard)}`. */
export function gestures(element: HTMLElement, heard: Heard): () => void {
  const down = new Map<number, Point>();
  let start: Point | null = null;
  let dragged = false;
  let tapped: { at: Point; when: number } | null = null;

  const place = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    const amount = event.deltaMode === 1 ? event.deltaY * LINE_PX : event.deltaY;
    heard.zoom(Math.exp(-amount * (event.ctrlKey ? PINCHED_WHEEL : WHEEL)), place(event));
  }

  function pressed(event: PointerEvent): void {
    if (down.size === 0) dragged = false; // fingers end a drag without a click: the next press is a new one
    if (event.button !== 0 || (heard.mayDrag && !heard.mayDrag(event))) return;
    down.set(event.pointerId, place(event));
    start = down.size === 1 ? place(event) : null;
  }

  function slid(event: PointerEvent): void {
    const before = down.get(event.pointerId);
    if (!before) return;
    if (event.pointerType === "mouse" && event.buttons === 0) return released(event); // let go elsewhere
    const now = place(event);
    if (!dragged && start && Math.hypot(now.x - start.x, now.y - start.y) < DRAG_PX) return;
    if (!dragged) element.setPointerCapture?.(event.pointerId); // not before: a capture would swallow the click
    dragged = true;
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, now);
    if (other) {
      const found = pinched([before, other], [now, other]);
      heard.zoom(found.factor, found.at);
      heard.move(found.across, found.down);
    } else if (!heard.still?.()) heard.move(now.x - before.x, now.y - before.y);
  }

  function released(event: PointerEvent): void {
    if (!down.delete(event.pointerId)) return;
    const at = place(event);
    if (start && dragged && event.pointerType === "touch" && heard.still?.()) {
      const [across, along] = [at.x - start.x, at.y - start.y];
      if (
        event.type !== "pointercancel" &&
        Math.abs(across) > SWIPE_PX &&
        Math.abs(across) > 1.5 * Math.abs(along)
      )
        heard.swipe?.(across < 0 ? "left" : "right");
    } else if (!dragged && event.type === "pointerup") tap(at, event.timeStamp);
    if (down.size === 0) start = null;
  }

  function tap(at: Point, when: number): void {
    const again =
      tapped &&
      when - tapped.when < TWICE_MS &&
      Math.hypot(at.x - tapped.at.x, at.y - tapped.at.y) < TWICE_PX;
    tapped = again ? null : { at, when };
    if (again) heard.twice?.(at);
  }

  /** What ends a drag over a link must not open it. */
  function clicked(event: MouseEvent): void {
    if (!dragged) return;
    dragged = false;
    if (event.detail === 0) return; // of a key
    event.preventDefault();
    event.stopPropagation();
  }

  const all: [string, EventListener, AddEventListenerOptions?][] = [
    ["wheel", wheel as EventListener, { passive: false }],
    ["pointerdown", pressed as EventListener],
    ["pointermove", slid as EventListener],
    ["pointerup", released as EventListener],
    ["pointercancel", released as EventListener],
    ["click", clicked as EventListener, { capture: true }],
  ];
  for (const [name, hear, options] of all) element.addEventListener(name, hear, options);
  return () => {
    for (const [name, hear, options] of all) element.removeEventListener(name, hear, options);
  };
}

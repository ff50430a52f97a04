/** What the tools do with the pointer: each turns points of the picture into changes of the region. Knows no element. */

import { PEN_LEAST, type Edit } from "./edit.svelte";
import { polygon, rectangle, stroke, type Box, type Mark, type Point } from "./mask";

/** What is begun and not yet in the region, for the stage to show. */
export type Begun =
  | { kind: "nothing" }
  | { kind: "lasso"; points: Point[]; next: Point | null }
  | { kind: "rectangle"; box: Box };

export const NOTHING: Begun = { kind: "nothing" };
const CLOSE_PX = 12; // of the screen: so near to its first point, a click closes a lasso
const DRAG_PX = 6; // of the screen: a press that went further was a drag, not a click

export const boxOf = (a: Point, b: Point): Box => ({
  left: Math.min(a.x, b.x),
  top: Math.min(a.y, b.y),
  right: Math.max(a.x, b.x),
  bottom: Math.max(a.y, b.y),
});

/** One tool in use. `changed` is told what to show; `scale` says how many pixels of the screen one of the picture has. */
export class Use {
  private last: { at: Point; radius: number } | null = null;
  private from: Point | null = null;
  private lasso: Point[] = [];
  private clicks = false; // points are set one by one
  private set = 0; // points of the lasso before this press
  private farthest = 0;

  constructor(
    private readonly edit: Edit,
    private readonly scale: () => number,
    private readonly changed: (begun: Begun) => void,
  ) {}

  down(at: Point, pressure: number, straight: boolean): void {
    const { tool } = this.edit;
    if (tool === "brush" || tool === "eraser") {
      const radius = this.radius(pressure);
      this.draw(straight && this.last ? this.last : { at, radius }, { at, radius });
    } else if (tool === "rectangle") {
      this.from = at;
    } else {
      this.farthest = 0;
      this.from = at;
      this.set = this.lasso.length;
      if (this.clicks && this.near(at, this.lasso[0]!)) this.finish();
      else this.lasso.push(at);
      this.show(null);
    }
  }

  move(at: Point, pressure: number): void {
    const { tool } = this.edit;
    if (tool === "brush" || tool === "eraser") {
      if (this.last) this.draw(this.last, { at, radius: this.radius(pressure) });
    } else if (this.from && tool === "rectangle") {
      this.changed({ kind: "rectangle", box: boxOf(this.from, at) });
    } else if (this.from && tool === "lasso") {
      this.farthest = Math.max(this.farthest, Math.hypot(at.x - this.from.x, at.y - this.from.y));
      if (this.farthest * this.scale() > DRAG_PX) this.lasso.push(at);
      this.show(null);
    }
  }

  up(at: Point): void {
    const { tool } = this.edit;
    if (tool === "brush" || tool === "eraser") this.edit.done();
    else if (tool === "rectangle" && this.from) {
      this.apply(boxOf(this.from, at));
      this.from = null;
    } else if (tool === "lasso" && this.from) {
      this.from = null;
      const dragged = this.farthest * this.scale() > DRAG_PX;
      if (dragged && !this.clicks) this.finish();
      else this.clicks = this.lasso.length > 0;
    }
  }

  /** The pointer goes over the picture between two clicks of a lasso. */
  hover(at: Point | null): void {
    if (this.clicks && !this.from) this.show(at);
  }

  /** Closes a lasso that is set point by point. */
  finish(): void {
    const points = this.lasso;
    this.stop();
    this.edit.touch(polygon(this.edit.mask, points, this.edit.mark));
    this.edit.done();
  }

  /** Takes the last point of a lasso back. Says whether there was one. */
  back(): boolean {
    if (!this.clicks) return false;
    this.lasso.pop();
    if (this.lasso.length) this.show(null);
    else this.stop();
    return true;
  }

  /** Forgets what is begun; says whether anything was. */
  stop(): boolean {
    const begun = this.lasso.length > 0 || this.from !== null;
    this.lasso = [];
    this.clicks = false;
    this.from = null;
    this.edit.giveUp();
    this.changed(NOTHING);
    return begun;
  }

  /** Takes this press back, as if it had not been: a second finger came. Points that were set before stay. */
  cancel(): void {
    if (!this.clicks) return void this.stop();
    if (!this.from) return;
    this.from = null;
    this.lasso.length = this.set;
    this.show(null);
  }

  /** Whether a lasso is being set point by point. */
  get setsPoints(): boolean {
    return this.clicks;
  }

  /** Marks a rectangle. */
  apply(box: Box, mark: Mark = this.edit.mark): void {
    this.changed(NOTHING);
    this.edit.touch(rectangle(this.edit.mask, box, mark));
    this.edit.done();
  }

  private radius(pressure: number): number {
    return (this.edit.brush / 2) * (PEN_LEAST + (1 - PEN_LEAST) * pressure);
  }

  private draw(from: { at: Point; radius: number }, to: { at: Point; radius: number }): void {
    this.edit.touch(stroke(this.edit.mask, from.at, to.at, from.radius, to.radius, this.edit.mark));
    this.last = to;
  }

  private near(a: Point, b: Point): boolean {
    return Math.hypot(a.x - b.x, a.y - b.y) * this.scale() < CLOSE_PX;
  }

  private show(next: Point | null): void {
    if (this.lasso.length) this.changed({ kind: "lasso", points: [...this.lasso], next });
  }
}

/** How arrow keys move a rectangle and, with Shift, size it; it stays on the picture and is never empty. */
export function steered(
  box: Box,
  key: string,
  shift: boolean,
  step: number,
  size: { width: number; height: number },
): Box {
  const across = key === "ArrowRight" ? step : key === "ArrowLeft" ? -step : 0;
  const down = key === "ArrowDown" ? step : key === "ArrowUp" ? -step : 0;
  const wide = box.right - box.left;
  const high = box.bottom - box.top;
  if (shift) {
    return {
      ...box,
      right: Math.min(size.width, Math.max(box.left + 1, box.right + across)),
      bottom: Math.min(size.height, Math.max(box.top + 1, box.bottom + down)),
    };
  }
  const left = Math.min(size.width - wide, Math.max(0, box.left + across));
  const top = Math.min(size.height - high, Math.max(0, box.top + down));
  return { left, top, right: left + wide, bottom: top + high };
}

/** The rectangle that a keyboard begins with: the middle half of the picture. */
export const middle = (size: { width: number; height: number }): Box => ({
  left: Math.round(size.width / 4),
  top: Math.round(size.height / 4),
  right: Math.round((size.width * 3) / 4),
  bottom: Math.round((size.height * 3) / 4),
});

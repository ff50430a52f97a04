/** How somebody looks at one picture now: the box, and what of it is seen. The state behind the stage, its keys and buttons. */

import { fitted, fitting, held, isClose, moved, zoomed, type Point, type Size, type View } from "./zoom";

const TWICE_FACTOR = 3;
const STEP = 1.4;
const KEY_SHARE = 0.18; // of the box, that an arrow key moves

export class Looking {
  readonly picture: Size;
  box = $state.raw<Size>({ width: 0, height: 0 });
  view = $state.raw<View>({ scale: 1, x: 0, y: 0 });

  constructor(picture: Size) {
    this.picture = picture;
  }

  /** Whether there is more of the picture than is seen; reactive. */
  get close(): boolean {
    return isClose(this.view, this.picture, this.box);
  }

  /** The size as people say it: 100 is a pixel of the picture on a pixel of the screen. */
  get percent(): number {
    return Math.round(this.view.scale * devicePixelRatio * 100);
  }

  /** The box is known, or has another size: what was fitted stays so, what was close keeps its middle. */
  resize(box: Size): void {
    const first = this.box.width === 0;
    const close = !first && this.close;
    const { x, y } = { x: (box.width - this.box.width) / 2, y: (box.height - this.box.height) / 2 };
    this.box = box;
    this.view = close
      ? held({ ...this.view, x: this.view.x + x, y: this.view.y + y }, this.picture, box)
      : fitted(this.picture, box);
  }

  zoom(factor: number, at: Point = this.middle): void {
    this.view = zoomed(this.view, factor, at, this.picture, this.box);
  }

  move(across: number, down: number): void {
    this.view = moved(this.view, across, down, this.picture, this.box);
  }

  /** One step of a key or button. */
  nearer(): void {
    this.zoom(STEP);
  }

  farther(): void {
    this.zoom(1 / STEP);
  }

  fit(): void {
    this.view = fitted(this.picture, this.box);
  }

  /** A pixel of the picture on a pixel of the screen, around a point. Not smaller than fits. */
  actual(at: Point = this.middle): void {
    this.zoom(1 / devicePixelRatio / this.view.scale, at);
  }

  /** Close up there, or the whole picture again. */
  twice(at: Point): void {
    if (this.close) return this.fit();
    const wanted = Math.max(fitting(this.picture, this.box) * TWICE_FACTOR, 1 / devicePixelRatio);
    this.zoom(wanted / this.view.scale, at);
  }

  /** An arrow key: sideways by a share of the box. False where there is nothing to move. */
  arrow(across: number, down: number): boolean {
    if (!this.close) return false;
    this.move(-across * this.box.width * KEY_SHARE, -down * this.box.height * KEY_SHARE);
    return true;
  }

  private get middle(): Point {
    return { x: this.box.width / 2, y: this.box.height / 2 };
  }
}

/** What the keys do while the stage has the focus: the frame, a lasso, and a rectangle for those who use no pointer. */

import type { Edit } from "./edit.svelte";
import { canvasOf, nudged } from "./frame";
import type { Box } from "./mask";
import { middle, steered, type Use } from "./tools";
import type { Size } from "./view";

const STEP_SHARE = 32; // of the longer side, that an arrow key moves a rectangle
const WAYS: Record<string, "left" | "right" | "up" | "down"> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export class Keyboard {
  /** The rectangle that arrow keys move; null while there is none. */
  box = $state.raw<Box | null>(null);
  /** What has changed, for those who do not see it. */
  said = $state("");

  constructor(
    private readonly edit: Edit,
    private readonly use: Use,
    private readonly picture: Size,
  ) {}

  /** Says whether the key meant anything. */
  press(key: string, shift: boolean): boolean {
    if (this.edit.mode === "frame") return this.extend(key);
    if (key === "Escape") {
      const hadBox = this.box !== null;
      this.box = null;
      return this.use.stop() || hadBox;
    }
    if (this.edit.tool === "rectangle") return this.place(key, shift);
    if (this.edit.tool !== "lasso" || !this.use.setsPoints) return false;
    if (key === "Enter") this.use.finish();
    else if (key === "Backspace") this.use.back();
    else return false;
    return true;
  }

  private extend(key: string): boolean {
    const { edit } = this;
    const way = WAYS[key];
    if (way) edit.extend(nudged(edit.extension, way));
    else if (key === "Escape" && edit.extension.kind !== "none") edit.extend({ kind: "none" });
    else return false;
    const { width, height } = canvasOf(this.picture, edit.extension);
    this.said = `The new size is ${width} by ${height} pixels.`;
    return true;
  }

  private place(key: string, shift: boolean): boolean {
    if (WAYS[key]) {
      const step = Math.max(1, Math.round(Math.max(this.picture.width, this.picture.height) / STEP_SHARE));
      const box = this.box ? steered(this.box, key, shift, step, this.picture) : middle(this.picture);
      this.box = box;
      this.said = `Rectangle of ${box.right - box.left} by ${box.bottom - box.top} pixels at ${box.left}, ${box.top}.`;
    } else if (this.box && (key === "Enter" || key === "Delete" || key === "Backspace")) {
      const mark = key === "Enter" ? this.edit.mark : 0;
      this.use.apply(this.box, mark);
      this.said = mark ? "Added to the region." : "Taken out of the region.";
    } else return false;
    return true;
  }
}

/** One edit of one image: the region, the frame, the words, and the way back. Kept over reloads; draws nothing itself. */

import type { Size } from "./view";
import type { Extension } from "./frame";
import { forgetEdit, keepEdit, keptEdit } from "./kept-edits";
import {
  around,
  bounds,
  emptyMask,
  invert,
  isNowhere,
  NOWHERE,
  rectangle,
  type Box,
  type Mark,
  type Mask,
} from "./mask";
import { Past } from "./past";
import { lay, marked, runsFrom, runsOf, textOf, type Runs } from "./runs";
import { reach } from "./soften";
import { wordsOf } from "../api/prompts";

export type Tool = "brush" | "eraser" | "lasso" | "rectangle";

const KEEP_AFTER_MS = 400;
const BRUSH_SHARE = 14; // of the longer side
export const BRUSH_STEP = 1.2;
export const PEN_LEAST = 0.25; // of the brush's size, at no pressure

export class Edit {
  mode = $state<"region" | "frame">("region");
  tool = $state<Tool>("brush");
  /** Whether lasso and rectangle take away. */
  takesAway = $state(false);
  /** Diameter in pixels of the picture. */
  brush = $state(1);
  feather = $state(0);
  extension = $state.raw<Extension>({ kind: "none" });
  /** Words for the region, and for what comes around. */
  words = $state("");
  around = $state("");
  /** The share of the picture that is painted. */
  share = $state(0);
  canUndo = $state(false);
  canRedo = $state(false);
  readonly mask: Mask;
  readonly brushMost: number;
  readonly featherMost: number;
  /** Told of every box of the mask that looks different now. */
  onpaint: (box: Box) => void = () => {};
  private readonly past = new Past();
  private before: Runs;
  private changed: Box = NOWHERE;
  private timer = 0;
  private readonly old: string;

  constructor(
    private readonly id: string,
    picture: Size,
    prompt: string,
  ) {
    const longer = Math.max(picture.width, picture.height);
    this.mask = emptyMask(picture.width, picture.height);
    this.brushMost = Math.max(8, Math.round(longer / 2));
    this.featherMost = Math.max(4, Math.round(longer / 16));
    this.brush = Math.max(4, Math.round(longer / BRUSH_SHARE));
    this.words = this.around = this.old = wordsOf(prompt);
    this.restore();
    this.before = runsOf(this.mask);
    this.share = marked(this.before) / this.mask.data.length;
  }

  get isEmpty(): boolean {
    return this.share === 0;
  }

  /** What a tool marks: 1 adds, 0 takes away. */
  get mark(): Mark {
    const away = this.tool === "eraser" || (this.tool !== "brush" && this.takesAway);
    return away ? 0 : 1;
  }

  /** A tool has changed the mask in this box; `done` ends the change. */
  touch(box: Box): void {
    if (isNowhere(box)) return;
    this.changed = around(this.changed, box);
    this.onpaint(reach(this.mask, box, this.feather));
  }

  /** Ends a change: it can be undone from now on. */
  done(): void {
    if (isNowhere(this.changed)) return;
    this.changed = NOWHERE;
    this.past.note(this.before);
    this.settle();
  }

  /** Takes back what was begun and is not done. */
  giveUp(): void {
    if (isNowhere(this.changed)) return;
    lay(this.before, this.mask);
    this.onpaint(reach(this.mask, this.changed, this.feather));
    this.changed = NOWHERE;
  }

  undo(): void {
    this.step(this.past.undo(this.before));
  }

  redo(): void {
    this.step(this.past.redo(this.before));
  }

  invert(): void {
    this.touch(invert(this.mask));
    this.done();
  }

  /** Everything, or nothing. */
  fill(mark: Mark): void {
    if (mark === 0 && this.isEmpty) return;
    this.touch(rectangle(this.mask, this.whole, mark));
    this.done();
  }

  resizeBrush(factor: number): void {
    const next = Math.round(this.brush * factor);
    const moved = next === this.brush ? this.brush + Math.sign(factor - 1) : next;
    this.brush = Math.min(this.brushMost, Math.max(1, moved));
  }

  setFeather(pixels: number): void {
    const widest = Math.max(pixels, this.feather);
    this.feather = pixels;
    this.onpaint(reach(this.mask, bounds(this.mask), widest));
    this.keepSoon();
  }

  extend(extension: Extension): void {
    this.extension = extension;
    this.keepSoon();
  }

  /** To be called where words or mode changed. */
  keepSoon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.keepNow(), KEEP_AFTER_MS);
  }

  keepNow(): void {
    clearTimeout(this.timer);
    const isFresh = this.isEmpty && this.extension.kind === "none";
    if (isFresh && this.words === this.old && this.around === this.old) {
      forgetEdit(this.id);
      return;
    }
    keepEdit(this.id, {
      mode: this.mode,
      region: this.isEmpty ? "" : textOf(this.before),
      feather: this.feather,
      words: this.words,
      extension: this.extension,
      around: this.around,
    });
  }

  get whole(): Box {
    return { left: 0, top: 0, right: this.mask.width, bottom: this.mask.height };
  }

  private step(to: Runs | null): void {
    if (!to) return;
    lay(to, this.mask);
    this.settle();
    this.onpaint(this.whole);
  }

  private settle(): void {
    this.before = runsOf(this.mask);
    this.share = marked(this.before) / this.mask.data.length;
    this.canUndo = this.past.canUndo;
    this.canRedo = this.past.canRedo;
    this.keepSoon();
  }

  private restore(): void {
    const edit = keptEdit(this.id);
    if (!edit) return;
    this.mode = edit.mode;
    this.feather = Math.min(this.featherMost, Math.max(0, edit.feather));
    this.extension = edit.extension;
    this.words = edit.words;
    this.around = edit.around;
    const runs = edit.region ? runsFrom(edit.region, this.mask.data.length) : null;
    if (runs) lay(runs, this.mask);
  }
}

/** Undo and redo of a region: its former states as runs, the oldest forgotten first. */

import type { Runs } from "./runs";

const STEPS_MAX = 100;
const BYTES_MAX = 16_000_000;

export class Past {
  private behind: Runs[] = [];
  private ahead: Runs[] = [];

  /** Notes what was there before a change. What had been undone is gone. */
  note(before: Runs): void {
    this.behind.push(before);
    this.ahead = [];
    let bytes = this.behind.reduce((sum, each) => sum + each.byteLength, 0);
    while (this.behind.length > STEPS_MAX || (bytes > BYTES_MAX && this.behind.length > 1)) {
      bytes -= this.behind.shift()!.byteLength;
    }
  }

  get canUndo(): boolean {
    return this.behind.length > 0;
  }

  get canRedo(): boolean {
    return this.ahead.length > 0;
  }

  /** What was there before; null where nothing was. */
  undo(now: Runs): Runs | null {
    return step(this.behind, this.ahead, now);
  }

  redo(now: Runs): Runs | null {
    return step(this.ahead, this.behind, now);
  }
}

function step(from: Runs[], to: Runs[], now: Runs): Runs | null {
  const found = from.pop();
  if (!found) return null;
  to.push(now);
  return found;
}

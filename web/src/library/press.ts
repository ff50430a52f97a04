/** A long press of a finger, as people know it from their phones: it begins to select. Mice and pens have other ways. */

const LONG_MS = 450;

export class LongPress {
  /** Whether it was a finger that touched last. */
  touched = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #done = false;

  constructor(private readonly act: (event: PointerEvent) => void) {}

  begin(event: PointerEvent): void {
    this.end();
    this.#done = false;
    this.touched = event.pointerType === "touch";
    if (!this.touched) return;
    this.#timer = setTimeout(() => {
      this.#done = true;
      this.act(event);
    }, LONG_MS);
  }

  /** The finger is gone, or it scrolls. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** Whether the click that comes now is only the end of a long press. Asked once. */
  took(): boolean {
    const done = this.#done;
    this.#done = false;
    return done;
  }
}

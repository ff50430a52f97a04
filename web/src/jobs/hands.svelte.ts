/** The keys of the feed: what each does to the job that has the focus or lies under the pointer. */

import type { Shortcut } from "../shell/shortcuts.svelte";
import { say } from "../shell/toasts.svelte";
import { hasEnded } from "./life";
import { jobs } from "./jobs.svelte";
import { type Meant, meant } from "./keys";
import { marked } from "./marked.svelte";
import { shapeOf } from "./shape";
import { actOn, cancel, discard, open, reroll, usePrompt } from "./ways";

type Arm = "upscale_subtle" | "vary_strong";
const ARM_MS = 5_000;
const ASKS: Record<Arm, string> = {
  upscale_subtle: "Upscale which one? Press its number.",
  vary_strong: "Vary which one a lot? Press its number.",
};

export class Hands {
  /** A letter that waits for its number, and on which job. */
  private arm = $state<{ job: string; what: Arm } | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** What is asked on a card while a letter waits for its number; "" for none. Reactive. */
  asks(job: string): string {
    return this.arm?.job === job ? ASKS[this.arm.what] : "";
  }

  readonly shortcuts: Shortcut[] = [
    ...[1, 2, 3, 4].flatMap((number): Shortcut[] => [
      {
        keys: String(number),
        words: number === 1 ? "Open picture 1 (to 4) of a job" : `Open picture ${number} of a job`,
        silent: number > 1,
        run: () => this.numbered(number),
      },
      {
        keys: `Shift+${number}`,
        words: number === 1 ? "Vary picture 1 (to 4) a little" : `Vary picture ${number} a little`,
        silent: number > 1,
        run: () => this.onPicture((image, shown) => actOn(image, { action: "vary_subtle" }, shown), number),
      },
    ]),
    { keys: "U", words: "Upscale: then 1 to 4", run: () => this.lettered("upscale_subtle") },
    { keys: "V", words: "Vary a lot: then 1 to 4", run: () => this.lettered("vary_strong") },
    {
      keys: "R",
      words: "Reroll a job",
      run: () => this.onJob((job) => (hasEnded(job) ? reroll(job) : undefined)),
    },
    {
      keys: "H",
      words: "Like the picture in focus",
      run: () => this.onPicture((image) => void marked.toggle(image.id)),
    },
    { keys: "E", words: "Use a job's prompt", run: () => this.onJob(usePrompt) },
    {
      keys: "C",
      words: "Cancel a job",
      run: () => this.onJob((job) => (hasEnded(job) ? undefined : void cancel(job))),
    },
    { keys: "T", words: "Put pictures into the trash", run: () => this.trash() },
  ];

  private which(): Meant | null {
    const found = meant();
    if (!found) say("Choose a job first: the down arrow goes into the list.");
    return found;
  }

  private onJob(run: (job: NonNullable<ReturnType<typeof jobs.get>>["job"]) => void): void {
    const found = this.which();
    const shown = found && jobs.get(found.job);
    if (shown) run(shown.job);
  }

  /** The picture with the focus, the one of that number, or the only one. */
  private onPicture(run: (image: Picture, shape: ReturnType<typeof shapeOf>) => void, number?: number): void {
    const found = this.which();
    const shown = found && jobs.get(found.job);
    if (!found || !shown) return;
    const { images } = shown.job;
    const one = images.length === 1 ? images[0] : undefined;
    const image =
      number === undefined
        ? (images.find((each) => each.id === found.tile) ?? one)
        : (images.find((each) => each.index === number) ?? (number === 1 ? one : undefined));
    if (image) run(image, shapeOf(shown.job));
    else if (images.length && number === undefined)
      say("Choose a picture first: the right arrow goes to it.");
  }

  private numbered(number: number): void {
    const arm = this.arm;
    this.disarm();
    if (arm && meant()?.job === arm.job)
      this.onPicture((image, shape) => actOn(image, { action: arm.what }, shape), number);
    else this.onPicture((image) => this.onJob((job) => open(job, image)), number);
  }

  private lettered(what: Arm): void {
    const found = this.which();
    const images = found && jobs.get(found.job)?.job.images;
    if (!found || !images?.length) return;
    if (found.tile || images.length === 1)
      this.onPicture((image, shape) => actOn(image, { action: what }, shape));
    else {
      this.arm = { job: found.job, what };
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.disarm(), ARM_MS);
    }
  }

  private trash(): void {
    const found = this.which();
    const images = found && jobs.get(found.job)?.job.images;
    if (found && images) discard(found.tile ? images.filter((each) => each.id === found.tile) : images);
  }

  private disarm(): void {
    this.arm = null;
    clearTimeout(this.timer);
  }
}

type Picture = NonNullable<ReturnType<typeof jobs.imageOf>>;

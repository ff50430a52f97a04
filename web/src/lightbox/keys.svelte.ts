/** The keys of the lightbox, and what the help sheet says of them. */

import { listen, type Shortcut } from "../shell/shortcuts.svelte";
import type { Deed } from "./deeds";
import type { Looking } from "./looking.svelte";

export interface Doing {
  looking: () => Looking;
  leave: () => void;
  before: () => void;
  after: () => void;
  compare: () => void;
  edit: () => void;
  lineage: () => void;
  like: () => void;
  favourite: () => void;
  hide: () => void;
  rate: (stars: number) => void;
  save: () => void;
  link: () => void;
  discard: () => void;
  /** What has a key of its own. */
  deeds: () => readonly Deed[];
  run: (deed: Deed) => void;
}

const GROUP: Partial<Record<Deed["body"]["action"], string>> = {
  vary_subtle: "Vary, subtle",
  vary_strong: "Vary, strong",
  upscale_subtle: "Upscale 2 times, subtle",
  upscale_creative: "Upscale 2 times, creative",
};

/** Hears the keys while the component lives that calls this. */
export function keys(doing: Doing): void {
  $effect(() => listen({ title: "Picture", shortcuts: shortcutsOf(doing, doing.looking().close) }));
}

/** The keys themselves; up and down scroll the page unless there is more of the picture to see. */
export function shortcutsOf(doing: Doing, close: boolean): Shortcut[] {
  const arrow = (across: number, down: number, otherwise: () => void) => () => {
    if (!doing.looking().arrow(across, down)) otherwise();
  };
  const nothing = (): void => {};
  /** A key that is held down does it once: some of these cost, some throw away. */
  const once = (run: () => void) => (event: KeyboardEvent) => void (event.repeat || run());
  const upAndDown: Shortcut[] = [
    { keys: "ArrowUp", words: "Upwards", run: arrow(0, -1, nothing), silent: true },
    { keys: "ArrowDown", words: "Downwards", run: arrow(0, 1, nothing), silent: true },
  ];
  const acting = doing.deeds().flatMap((deed) =>
    deed.keys
      ? [
          {
            keys: deed.keys,
            words: GROUP[deed.body.action] ?? deed.words,
            run: once(() => doing.run(deed)),
          },
        ]
      : [],
  );
  return [
    { keys: "Escape", words: "Back", run: doing.leave },
    {
      keys: "ArrowLeft",
      words: "The picture before, or to the left when close",
      run: arrow(-1, 0, doing.before),
    },
    {
      keys: "ArrowRight",
      words: "The next picture, or to the right when close",
      run: arrow(1, 0, doing.after),
    },
    ...(close ? upAndDown : []),
    { keys: "+", words: "Closer", run: () => doing.looking().nearer() },
    { keys: "=", words: "Closer", run: () => doing.looking().nearer(), silent: true },
    { keys: "-", words: "Farther", run: () => doing.looking().farther() },
    { keys: "0", words: "The whole picture", run: () => doing.looking().fit() },
    { keys: "1", words: "A pixel for a pixel", run: () => doing.looking().actual() },
    { keys: "C", words: "Compare with what it was made of", run: doing.compare },
    { keys: "E", words: "Edit a region or the canvas", run: doing.edit },
    { keys: "T", words: "Its lineage", run: doing.lineage },
    ...acting,
    { keys: "K", words: "Like", run: once(doing.like) },
    { keys: "F", words: "Favourite", run: once(doing.favourite) },
    { keys: "H", words: "Hide from my lists", run: once(doing.hide) },
    ...[1, 2, 3, 4, 5].map((stars) => ({
      keys: `Shift+${stars}`,
      words: stars === 1 ? "Rate it: 1 to 5 stars" : `${stars} stars`,
      run: () => doing.rate(stars),
      silent: stars > 1,
    })),
    { keys: "Shift+0", words: "Take the rating away", run: () => doing.rate(0) },
    { keys: "D", words: "Download the PNG", run: once(doing.save) },
    { keys: "Y", words: "Copy the link", run: doing.link },
    { keys: "Delete", words: "Move to the trash", run: once(doing.discard) },
  ];
}

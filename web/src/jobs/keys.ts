/** Which job and picture a key is meant for, and the way of the arrows between them. Reads the page, changes nothing. */

const CARD = "[data-job]";
const TILE = "[data-tile]";

export interface Meant {
  card: HTMLElement;
  job: string;
  /** The picture that has the focus, where one has. */
  tile: string | null;
}

/** The job with the focus; where nothing has it, the one under the pointer. */
export function meant(
  root: ParentNode = document,
  focused: Element | null = document.activeElement,
): Meant | null {
  const nowhere = !focused || focused.matches("body, main");
  const card = nowhere
    ? root.querySelector<HTMLElement>(`${CARD}:hover`)
    : focused.closest<HTMLElement>(CARD);
  if (!card?.dataset["job"]) return null;
  const tile = focused?.closest<HTMLElement>(TILE);
  return {
    card,
    job: card.dataset["job"],
    tile: tile && card.contains(tile) ? (tile.dataset["tile"] ?? null) : null,
  };
}

const STEPS: Record<string, "before" | "after" | "above" | "below" | "first" | "last"> = {
  ArrowLeft: "before",
  ArrowRight: "after",
  ArrowUp: "above",
  ArrowDown: "below",
  PageUp: "above",
  PageDown: "below",
  Home: "first",
  End: "last",
};

/** Where an arrow leads: left and right from picture to picture, up and down from card to card. Null where it leads nowhere. */
export function target(feed: HTMLElement, from: HTMLElement, key: string): HTMLElement | null {
  const step = STEPS[key];
  const card = from.closest<HTMLElement>(CARD);
  if (!step || !card) return null;
  if (step === "before" || step === "after") {
    const tiles = [...card.querySelectorAll<HTMLElement>(TILE)];
    const at = tiles.indexOf(from.closest<HTMLElement>(TILE)!);
    if (step === "after") return tiles[at + 1] ?? null;
    return at === 0 ? card : (tiles[at - 1] ?? null);
  }
  const cards = [...feed.querySelectorAll<HTMLElement>(CARD)];
  const at = cards.indexOf(card);
  if (step === "first") return cards[0] ?? null;
  if (step === "last") return cards.at(-1) ?? null;
  return cards[step === "above" ? at - 1 : at + 1] ?? null;
}

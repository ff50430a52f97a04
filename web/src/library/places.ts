/** Where somebody was on the wall, for each step of the browser's history: coming back, by Back or by a reload, shows the same images. */

export interface Place {
  /** The first image of the row at the upper edge, and by how many pixels that row is scrolled past. */
  index: number;
  past: number;
  /** The image that keys act on, and whether they did. */
  active: number;
  focused: boolean;
}

const NAME = "darkroom:places";
const PLACES_MAX = 50;

/** The name of this step of the history; made where it has none. Whatever else the step says stays. */
export function stepHere(): string {
  const state = (history.state ?? {}) as Record<string, unknown>;
  if (typeof state["wall"] === "string") return state["wall"];
  const name = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  history.replaceState({ ...state, wall: name }, "");
  return name;
}

export class Places {
  #places: Map<string, Place>;

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem"> | null = ownStorage()) {
    this.#places = new Map(read(storage));
  }

  get(step: string): Place | null {
    return this.#places.get(step) ?? null;
  }

  set(step: string, place: Place): void {
    this.#places.delete(step);
    this.#places.set(step, place);
    if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value!);
  }

  /** For a reload: what is in memory goes with the page. */
  save(): void {
    try {
      this.storage?.setItem(NAME, JSON.stringify([...this.#places]));
    } catch {
      // full or forbidden: a reload begins at the top
    }
  }
}

export const places = new Places();

function read(storage: Pick<Storage, "getItem"> | null): [string, Place][] {
  try {
    const found: unknown = JSON.parse(storage?.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? found.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is [string, Place] {
  const place = Array.isArray(value) ? (value[1] as Partial<Place> | undefined) : undefined;
  return typeof place?.index === "number" && typeof place.past === "number";
}

function ownStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

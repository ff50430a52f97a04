/** What the library is narrowed to: from the address, to the address, to the service, and in words. */

import type { Folder } from "../api/types";
import { day } from "../parts/amounts";

export const SHAPES = ["landscape", "square", "portrait"] as const;
export type Shape = (typeof SHAPES)[number];
const VISIBILITIES = ["public", "stealth"] as const;

/** Named as the service names them, so that the address, a saved search and a request are one text. */
export interface Filter {
  q?: string;
  folder?: string;
  liked?: boolean;
  favourite?: boolean;
  hidden?: boolean;
  rating_min?: number;
  model?: string;
  visibility?: (typeof VISIBILITIES)[number];
  ratio?: Shape;
  /** Days as 2026-11-21, in UTC: from the first on, up to and without the second. */
  since?: string;
  until?: string;
}

export interface Chip {
  name: keyof Filter;
  words: string;
}

const ORDER: (keyof Filter)[] = [
  "q",
  "folder",
  "favourite",
  "liked",
  "hidden",
  "rating_min",
  "model",
  "ratio",
  "visibility",
  "since",
  "until",
];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;
const QUERY_MAX = 200;

/** What an address says. Whatever is no filter, or has a value that none can have, is left out. */
export function filterOf(query: URLSearchParams): Filter {
  const text = (name: string): string | undefined => query.get(name)?.trim() || undefined;
  const flag = (name: string): boolean | undefined =>
    ({ true: true, false: false })[query.get(name) as "true" | "false"];
  const oneOf = <T extends string>(name: string, all: readonly T[]): T | undefined =>
    all.find((each) => each === query.get(name));
  const matching = (name: string, form: RegExp): string | undefined => {
    const value = query.get(name) ?? "";
    return form.test(value) && (form !== DAY || !Number.isNaN(Date.parse(value))) ? value : undefined;
  };
  const rating = Number(query.get("rating_min"));
  return trimmed({
    q: text("q")?.slice(0, QUERY_MAX),
    folder: matching("folder", UUID),
    liked: flag("liked"),
    favourite: flag("favourite"),
    hidden: flag("hidden") || undefined,
    rating_min: Number.isInteger(rating) && rating >= 1 && rating <= 5 ? rating : undefined,
    model: text("model"),
    visibility: oneOf("visibility", VISIBILITIES),
    ratio: oneOf("ratio", SHAPES),
    since: matching("since", DAY),
    until: matching("until", DAY),
  });
}

/** As after the `?` of an address and of the service's list; the same filter is always the same text. */
export function queryOf(filter: Filter): string {
  const words = new URLSearchParams();
  for (const name of ORDER) {
    const value = filter[name];
    if (value !== undefined && value !== "") words.append(name, String(value));
  }
  return words.toString();
}

/** The address of the library that shows this. */
export function pathOf(filter: Filter): string {
  const query = queryOf(filter);
  return query ? `/library?${query}` : "/library";
}

/** With some filters changed; `undefined` takes one away. */
export function changed(filter: Filter, change: Partial<Filter>): Filter {
  return trimmed({ ...filter, ...change });
}

/** One chip for each filter that narrows, but for the folder, which is the heading, and for the words, which stand in their field. */
export function chipsOf(filter: Filter): Chip[] {
  const chips: Chip[] = [];
  for (const name of ORDER) {
    const value = filter[name];
    if (value === undefined || name === "q" || name === "folder") continue;
    chips.push({ name, words: WORDS[name](value as never) });
  }
  return chips;
}

const WORDS: Record<Exclude<keyof Filter, "q" | "folder">, (value: never) => string> = {
  liked: (value: boolean) => (value ? "Liked" : "Not liked"),
  favourite: (value: boolean) => (value ? "Favourites" : "No favourites"),
  hidden: () => "Hidden",
  rating_min: (value: number) => (value === 5 ? "5 stars" : `${value} stars or more`),
  model: (value: string) => value,
  visibility: (value: string) => (value === "stealth" ? "Stealth" : "Public"),
  ratio: (value: string) => value[0]!.toUpperCase() + value.slice(1),
  since: (value: string) => `From ${day(`${value}T12:00`)}`,
  until: (value: string) => `To ${day(`${dayBefore(value)}T12:00`)}`,
};

/** What the wall shows, as a heading. */
export function headingOf(filter: Filter, folders: readonly Folder[]): string {
  if (filter.folder) return folders.find((each) => each.id === filter.folder)?.name ?? "Folder";
  const only = Object.keys(filter).length === 1;
  if (only && filter.favourite) return "Favourites";
  if (only && filter.liked) return "Liked";
  if (only && filter.hidden) return "Hidden";
  return "Library";
}

/** The last day that `until` lets through: people say "to the 21st" and mean that day, too. */
export function dayBefore(until: string): string {
  return new Date(Date.parse(until) - DAY_MS).toISOString().slice(0, 10);
}

export function dayAfter(last: string): string {
  return new Date(Date.parse(last) + DAY_MS).toISOString().slice(0, 10);
}

function trimmed(filter: Filter): Filter {
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined && value !== ""),
  ) as Filter;
}

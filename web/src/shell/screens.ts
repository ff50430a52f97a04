/** The screens that are fetched when somebody goes there, and what each is called. */

import type { Component } from "svelte";
import type { Screen } from "./router.svelte";

type Name = Screen["name"];
type Later = Exclude<Name, "create" | "lost">;

/** Each takes its own kind of Screen; App gives it just that one. */
export const LATER: Record<Later, () => Promise<{ default: Component<{ screen: any }> }>> = {
  job: () => import("../jobs/JobPage.svelte"),
  image: () => import("../lightbox/ImagePage.svelte"),
  library: () => import("../library/Library.svelte"),
  explore: () => import("../explore/Explore.svelte"),
  rank: () => import("../rank/Rank.svelte"),
  account: () => import("../account/Account.svelte"),
  operate: () => import("../operate/Operate.svelte"),
};

export const TITLES: Record<Name, string> = {
  create: "Create",
  job: "Job",
  image: "Image",
  library: "Library",
  explore: "Explore",
  rank: "Rank",
  account: "Account",
  operate: "Operate",
  lost: "Nothing here",
};

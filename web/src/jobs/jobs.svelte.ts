/** The jobs that this tab knows. The truth is the row that the service gives; live news only move it.

Where news and a row cross on their way, the row is asked for again; what an end leaves behind always is. */

import { SvelteMap } from "svelte/reactivity";
import { api, Refusal } from "../api/client";
import type { Image, Job, JobState } from "../api/types";
import { live, onNews, onReturn } from "../live/news.svelte";
import type { News } from "../live/told";
import { type Cause, hasEnded, hasRun, isQueued, moved, newestFirst, setbackOf } from "./life";

const PAGE = 20;
const AGAIN_PAGE = 60; // what is asked for again after a break
const LIVING_PAGE = 100;
const QUEUE_EVERY_MS = 4_000; // position and wait, while something is queued and the tab is in sight
const GATHER_MS = 40; // unknown jobs that come at once are asked for at once
const GATHERED_MAX = 3;

/** A job as it is shown. */
export interface Shown {
  readonly job: Job;
  /** Steps of all its pictures. */
  readonly done: number;
  readonly total: number;
  /** A look at the unfinished grid. */
  readonly preview: string | null;
  /** Why it waits again after it had been drawn, null otherwise. */
  readonly setback: Cause | null;
}

class Entry implements Shown {
  job = $state.raw<Job>()!;
  done = $state(0);
  total = $state(0);
  preview = $state<string | null>(null);
  setback = $state<Cause | null>(null);
  /** The newest transition that was heard. */
  last = 0;
  /** Transitions heard by this tab: a row that was asked for before one of them is old. */
  heard = 0;

  constructor(job: Job) {
    this.take(job);
  }

  take(job: Job): void {
    this.job = job;
    if (job.progress) {
      if (job.progress.total) this.count(job.progress.done, job.progress.total);
      this.preview = job.progress.preview_url ?? this.preview;
    }
    if (!isQueued(job)) this.setback = null;
  }

  count(done: number, total: number): void {
    this.done = done;
    this.total = total;
  }
}

const whyAsked = new Set<string>();
/** Whose job an image was that is in the trash now. */
const lost = new Map<string, string>();
const entries = new SvelteMap<string, Entry>();
const list = $state<{ floor: string | null; next: string | null; loading: boolean; loaded: boolean }>({
  floor: null, // the oldest job of the pages that were read: what is older is known by chance
  next: null,
  loading: false,
  loaded: false,
});
const feed = $derived(
  [...entries.values()]
    .filter((each) => list.floor === null || each.job.id >= list.floor)
    .toSorted((a, b) => newestFirst(a.job, b.job)),
);
const queued = $derived(feed.some((each) => isQueued(each.job)));
const living = $derived(feed.filter((each) => !hasEnded(each.job)));

export const jobs = {
  /** All that were read, newest first; reactive. */
  get feed(): readonly Shown[] {
    return feed;
  },
  /** Whether the first page has been read. */
  get loaded(): boolean {
    return list.loaded;
  },
  get hasMore(): boolean {
    return list.next !== null;
  },
  get(id: string): Shown | undefined {
    return entries.get(id);
  },
  /** An image of any job that was read. */
  imageOf(id: string): Image | undefined {
    for (const { job } of entries.values()) {
      const image = job.images.find((each) => each.id === id);
      if (image) return image;
    }
    return undefined;
  },
  /** Images that went into the trash or came back, by whichever screen. */
  lose(ids: readonly string[]): void {
    const gone = new Set(ids);
    for (const entry of entries.values()) {
      if (!entry.job.images.some((each) => gone.has(each.id))) continue;
      for (const each of entry.job.images) if (gone.has(each.id)) lost.set(each.id, entry.job.id);
      entry.job = { ...entry.job, images: entry.job.images.filter((each) => !gone.has(each.id)) };
    }
  },
  regain(ids: readonly string[]): void {
    const owners = new Set(ids.map((id) => lost.get(id)).filter((id) => id !== undefined));
    for (const id of owners) refreshQuietly(id);
  },
  /** What was just submitted, or read elsewhere. */
  add(found: readonly Job[]): void {
    for (const job of found) put(job);
  },
  load,
  more,
  refresh,
  /** Cancels a job; throws `Refusal`. */
  async cancel(id: string): Promise<void> {
    const entry = entries.get(id);
    const heard = entry?.heard ?? 0;
    const job = await api.delete("/api/v1/jobs/{job_id}", { path: { job_id: id } });
    if (entry && entry.heard !== heard && !hasEnded(job)) await refresh(id);
    else put(job);
  },
};

function put(job: Job): Entry {
  let entry = entries.get(job.id);
  if (entry) entry.take(job);
  else {
    entry = new Entry(job);
    entries.set(job.id, entry);
  }
  if (isQueued(job) && hasRun(job) && entry.setback === null) askWhy(entry).catch(quiet);
  return entry;
}

/** Why a job waits that had been drawn before this tab came: its history knows. */
async function askWhy(entry: Entry): Promise<void> {
  const { id } = entry.job;
  if (whyAsked.has(id)) return;
  whyAsked.add(id);
  const { history } = await api.get("/api/v1/jobs/{job_id}/history", { path: { job_id: id } });
  whyAsked.delete(id);
  const latest = history.at(-1);
  if (latest && isQueued(entry.job)) entry.setback ??= setbackOf(latest);
}

/** The newest page. Where it does not reach down to what is known already, the list begins anew with it. */
async function load(limit = PAGE): Promise<void> {
  const page = await api.get("/api/v1/jobs", { query: { limit } });
  const oldest = page.jobs.at(-1)?.id ?? null;
  const newestKnown = feed[0]?.job.id;
  const joins = list.loaded && (oldest === null || (newestKnown !== undefined && oldest <= newestKnown));
  for (const job of page.jobs) put(job);
  if (!joins) {
    list.next = page.next_cursor;
    list.floor = page.next_cursor === null ? null : oldest;
  }
  list.loaded = true;
}

/** The page before the oldest of the list. */
async function more(): Promise<void> {
  if (list.loading || list.next === null) return;
  list.loading = true;
  try {
    const page = await api.get("/api/v1/jobs", { query: { limit: PAGE, cursor: list.next } });
    for (const job of page.jobs) put(job);
    list.next = page.next_cursor;
    list.floor = page.next_cursor === null ? null : (page.jobs.at(-1)?.id ?? list.floor);
  } finally {
    list.loading = false;
  }
}

/** Asks for one job. Where news of it come meanwhile, the answer may be older than they are: it is asked for again. */
async function refresh(id: string): Promise<Shown> {
  for (;;) {
    const heard = entries.get(id)?.heard ?? 0;
    const job = await api.get("/api/v1/jobs/{job_id}", { path: { job_id: id } });
    const now = entries.get(id)?.heard ?? 0;
    if (now === heard || hasEnded(job)) return put(job);
  }
}

/** Refreshes in the background: what fails for the service's sake comes right when the service is back. */
function refreshQuietly(id: string): void {
  refresh(id).catch(quiet);
}

function quiet(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}

/** While a screen shows jobs: the list is read, and the places of those in the queue are kept current. */
export function keepCurrent(): () => void {
  if (!list.loaded) load().catch(quiet);
  const timer = setInterval(() => {
    if (document.hidden) return;
    if (live.state === "silent") askForLiving().catch(quiet);
    else if (queued) askForPlaces().catch(quiet);
    if (!list.loaded) load().catch(quiet);
  }, QUEUE_EVERY_MS);
  return () => clearInterval(timer);
}

/** Position and wait of everything that is queued, in one request. */
function askForPlaces(): Promise<Set<string>> {
  return askFor(["waiting", "ready"]);
}

/** How everything stands that has not ended, where no news come: in one request, and one for each that has ended. */
async function askForLiving(): Promise<void> {
  const thought = living.map((each) => each.job.id);
  const alive = await askFor(["waiting", "ready", "running", "finishing"]);
  for (const id of thought) if (!alive.has(id)) refreshQuietly(id);
}

/** Reads what is in these states, but for what was heard to move meanwhile. */
async function askFor(state: JobState[]): Promise<Set<string>> {
  const before = new Map([...entries].map(([id, entry]) => [id, entry.heard]));
  const page = await api.get("/api/v1/jobs", { query: { state, limit: LIVING_PAGE } });
  for (const job of page.jobs) {
    const entry = entries.get(job.id);
    if (!entry || entry.heard === before.get(job.id)) put(job);
  }
  return new Set(page.jobs.map((job) => job.id));
}

let gathered = new Set<string>();

/** A job that another tab or the command line submitted. */
function gather(id: string): void {
  gathered.add(id);
  if (gathered.size > 1) return;
  setTimeout(() => {
    const ids = [...gathered];
    gathered = new Set();
    if (ids.length > GATHERED_MAX) load(LIVING_PAGE).catch(quiet);
    else ids.forEach(refreshQuietly);
  }, GATHER_MS);
}

function heardMove(move: News["job"], id: number | null): void {
  const entry = entries.get(move.job_id);
  if (!entry) return gather(move.job_id);
  if (id !== null && id <= entry.last) return;
  entry.last = id ?? entry.last;
  entry.heard += 1;
  if (!hasEnded(entry.job)) {
    const setback = setbackOf(move);
    if (setback) entry.setback = setback;
    if (move.state === "running") {
      entry.setback = null;
      entry.count(0, entry.total);
    }
    if (!hasEnded(move)) entry.job = moved(entry.job, move);
  }
  if (hasEnded(move)) refreshQuietly(move.job_id);
}

/** How things stand: what lives is in it; what we think lives and is not in it has ended meanwhile. */
function heardSnapshot({ jobs: found }: News["snapshot"]): void {
  const alive = new Set(found.map((job) => job.id));
  for (const job of found) put(job);
  for (const each of living) if (!alive.has(each.job.id)) refreshQuietly(each.job.id);
}

onNews("job", heardMove);
onNews("snapshot", heardSnapshot);
onNews("progress", ({ job_id, done, total }) => entries.get(job_id)?.count(done, total));
onNews("preview", ({ job_id, url }) => {
  const entry = entries.get(job_id);
  if (entry && !hasEnded(entry.job)) entry.preview = url;
});
onReturn(() => {
  load(AGAIN_PAGE).catch(quiet);
  living.forEach((each) => refreshQuietly(each.job.id));
});

/** What was asked for and is not answered yet. It is kept over reloads and asked again under its key, which makes
nothing twice, until the service answers or somebody takes it back. */

import { api, newKey, Refusal } from "../api/client";
import type { ActionIn, Job, Lane } from "../api/types";
import { onReturn } from "../live/news.svelte";
import { forget, keep, kept, keptNames } from "../shell/keep";
import { refreshAccount, session } from "../shell/session.svelte";
import { jobs } from "./jobs.svelte";
import { shapeOfPrompt, type Shape } from "./shape";

export type Wish =
  | { kind: "prompt"; prompt: string; lane: Lane | null }
  | { kind: "action"; image: string; body: Omit<ActionIn, "dry_run"> };

/** One wish on its way: shown as a card in the shape of what it will be. */
export interface Sending {
  readonly key: string;
  readonly at: number;
  /** Whose wish it is: nobody else's account pays for it, in the same browser either. */
  readonly account: string;
  readonly wish: Wish;
  readonly shape: Shape;
  /** Jobs that it will be, and pictures of each, as far as is known. */
  readonly jobs: number;
  readonly images: number;
  /** `kept` was found from another day: it is sent when somebody says so. */
  state: "sending" | "away" | "kept";
}

const PREFIX = "outbox:";
const SEND_ITSELF_MS = 10 * 60_000; // after a reload, what is older waits for a word
const LIFE_MS = 46 * 3_600_000; // the service knows keys for two days
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 10_000;
/** Refusals of the moment: the same request may be granted soon, and nothing was changed. */
const FLEETING = new Set([
  "offline",
  "store_unavailable",
  "not_active",
  "overloaded",
  "moderation_unavailable",
]);
const TRIES_MAX = 4; // of what the service itself refuses for the moment

const sendings = $state<Sending[]>([]);
const takenBack = new Map<string, AbortController>();

export const outbox = {
  /** Newest first; reactive. */
  get sendings(): readonly Sending[] {
    return sendings;
  },
  /** Sends what was kept. */
  send(key: string): Promise<Job[]> {
    return deliver(key);
  },
  /** Forgets it. What the service took already is cancelled by its card. */
  takeBack(key: string): void {
    takenBack.get(key)?.abort(new DOMException("Taken back.", "AbortError"));
    remove(key);
  },
};

/** Submits a prompt: its card is there at once. Throws `Refusal` where the service says no, an AbortError where it was
taken back; while the service is away it waits. */
export function submit(
  prompt: string,
  about: { lane?: Lane | null; jobs?: number; shape?: Shape } = {},
): Promise<Job[]> {
  const wish: Wish = { kind: "prompt", prompt, lane: about.lane ?? null };
  return put(wish, about.shape ?? shapeOfPrompt(prompt), about.jobs ?? 1, 4);
}

/** Asks for an action, like `submit`. */
export function request(
  image: string,
  body: Omit<ActionIn, "dry_run">,
  shape: Shape,
  images: number,
): Promise<Job[]> {
  return put({ kind: "action", image, body }, shape, 1, images);
}

const whose = (): string => session.account?.id ?? "";

function put(wish: Wish, shape: Shape, count: number, images: number): Promise<Job[]> {
  const sending: Sending = {
    key: newKey(),
    at: Date.now(),
    account: whose(),
    wish,
    shape,
    jobs: count,
    images,
    state: "sending",
  };
  keep(PREFIX + sending.key, sending);
  sendings.unshift(sending);
  return deliver(sending.key);
}

async function deliver(key: string): Promise<Job[]> {
  const stop = new AbortController();
  takenBack.set(key, stop);
  for (let tries = 1; ; tries += 1) {
    const sending = sendings.find((each) => each.key === key);
    if (!sending) throw stop.signal.reason;
    if (sending.state === "kept") sending.state = "sending";
    try {
      const found = await post(sending, stop.signal);
      jobs.add(found);
      remove(key);
      void refreshAccount();
      return found;
    } catch (error) {
      if (!isFleeting(error, tries)) {
        remove(key);
        throw error;
      }
      sending.state = "away";
      await pause(Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (tries - 1)), stop.signal);
    }
  }
}

function isFleeting(error: unknown, tries: number): boolean {
  if (!(error instanceof Refusal) || !FLEETING.has(error.code)) return false;
  return error.code === "offline" || tries < TRIES_MAX;
}

async function post(sending: Sending, signal: AbortSignal): Promise<Job[]> {
  const { key, wish } = sending;
  if (wish.kind === "prompt") {
    const body = { prompt: wish.prompt, lane: wish.lane };
    return (await api.post("/api/v1/jobs", { body, key, signal })).jobs;
  }
  const asked = { path: { image_id: wish.image }, body: { ...wish.body, dry_run: false }, key, signal };
  return (await api.post("/api/v1/images/{image_id}/actions", asked)).jobs;
}

function remove(key: string): void {
  const at = sendings.findIndex((each) => each.key === key);
  if (at >= 0) sendings.splice(at, 1);
  takenBack.delete(key);
  forget(PREFIX + key);
}

const waiting = new Set<() => void>();
onReturn(() => waiting.forEach((goOn) => goOn()));

/** Waits, but not longer than until the service is back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, fail) => {
    const done = (): void => {
      waiting.delete(done);
      resolve();
    };
    waiting.add(done);
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      waiting.delete(done);
      fail(signal.reason as Error);
    });
  });
}

const isSending = (value: unknown): value is Sending =>
  typeof value === "object" &&
  value !== null &&
  "key" in value &&
  "wish" in value &&
  "shape" in value &&
  "at" in value;

/** Finds what a reload interrupted. `failed` hears of what is refused now. Called once somebody is logged in. */
export function reopen(failed: (error: unknown) => void, now = Date.now()): void {
  for (const name of keptNames(PREFIX)) {
    const found = kept<Sending | null>(name, null, isSending);
    if (!found || now - found.at > LIFE_MS) {
      forget(name);
      continue;
    }
    if (found.account !== whose() || sendings.some((each) => each.key === found.key)) continue;
    const old = now - found.at > SEND_ITSELF_MS;
    sendings.push({ ...found, state: old ? "kept" : "sending" });
    if (!old) deliver(found.key).catch(failed);
  }
  sendings.sort((a, b) => b.at - a.at);
}

/** The live news of this tab, whoever holds the connection: screens say what they want to hear. */

import { untrack } from "svelte";
import { refreshAccount, session } from "../shell/session.svelte";
import { watch } from "../api/client";
import type { LiveState, News, NewsKind, Told } from "./told";
import { follow, type Way } from "./ways";

const LOOK_MS = 3_000;
const ASK_LIMIT_MS = 5_000; // who does not answer in this time is away

type Handler<K extends NewsKind> = (data: News[K], id: number | null) => void;
const handlers = new Map<NewsKind, Set<Handler<never>>>();
const returns = new Set<() => void>();
const state = $state<{ now: LiveState; online: boolean }>({ now: "opening", online: true });

export const live = {
  /** How the connection stands; reactive. */
  get state(): LiveState {
    return state.now;
  },
  /** Whether this device has a network at all, as far as the browser knows; reactive. */
  get online(): boolean {
    return state.online;
  },
};

/** Hears one kind of news until the function that it gives is called. */
export function onNews<K extends NewsKind>(kind: K, handler: Handler<K>): () => void {
  const all = handlers.get(kind) ?? new Set();
  handlers.set(kind, all);
  all.add(handler as Handler<never>);
  return () => void all.delete(handler as Handler<never>);
}

/** Called when news may have been missed: what is shown is to be asked for again. */
export function onReturn(handler: () => void): () => void {
  returns.add(handler);
  return () => void returns.delete(handler);
}

/** Follows the account's events. Called once somebody is logged in; gives what ends it. */
export function startNews(): () => void {
  // In an effect: every charge renews the account, and the stream has to stay.
  const way = untrack(() => follow(session.account?.id ?? "", hear));
  const ends = untrack(() => [lookAtNetwork(way), lookForService(way)]);
  return () => {
    for (const end of ends) end();
    way.end();
    state.now = "opening";
  };
}

function hear(told: Told): void {
  if (told.kind === "news") tell(told.name, told.data, told.id);
  else if (told.kind === "missed") comeBack();
  else if (told.kind === "account") {
    if (told.account !== session.account?.id) location.reload(); // nothing of one account stays on another's screen
  } else if (told.kind === "state") become(told.state);
}

function tell(name: NewsKind, data: unknown, id: number | null): void {
  for (const handler of handlers.get(name) ?? []) (handler as Handler<NewsKind>)(data as never, id);
}

function become(next: LiveState): void {
  const before = state.now;
  state.now = next;
  if (next === "unknown") watch.unknown();
  else if (next === "away") session.reached = false;
  else if (next === "live") {
    session.reached = true;
    if (before === "away" || before === "silent") comeBack();
  }
}

function comeBack(): void {
  void refreshAccount();
  tellReturn();
}

function tellReturn(): void {
  for (const handler of returns) handler();
}

/** The browser's own word on the network. A service on this device or in its network may be there all the same: it is
asked at once, so that what is shown does not wait for the stream to notice. */
function lookAtNetwork(way: Way): () => void {
  const changed = (): void => {
    state.online = navigator.onLine;
    if (navigator.onLine) way.retry();
    void askForService(way);
  };
  state.online = navigator.onLine;
  addEventListener("online", changed);
  addEventListener("offline", changed);
  return () => {
    removeEventListener("online", changed);
    removeEventListener("offline", changed);
  };
}

/** While the service is away, a tab in sight asks whether it is back: sooner than the stream's patience allows. */
function lookForService(way: Way): () => void {
  const timer = setInterval(() => {
    if (!session.reached && !document.hidden) void askForService(way);
  }, LOOK_MS);
  return () => clearInterval(timer);
}

let asking = false;

async function askForService(way: Way): Promise<void> {
  if (asking) return;
  asking = true;
  const before = session.reached;
  try {
    await refreshAccount(ASK_LIMIT_MS);
  } finally {
    asking = false;
  }
  if (before || !session.reached) return;
  if (state.now === "live")
    tellReturn(); // the stream never noticed, but questions were lost
  else way.retry();
}

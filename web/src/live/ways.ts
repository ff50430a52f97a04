/** How a tab gets the news: from the shared worker; without one, from the tab that holds the lock; else by itself. */

import { browser } from "./around";
import { Stream } from "./stream";
import type { Said, Told } from "./told";

const NAME = "darkroom";

export interface Way {
  /** The stream may be tried again now. */
  retry(): void;
  end(): void;
}

type Hear = (told: Told) => void;

/** Follows the events of an account in the best way that this browser has. */
export function follow(account: string, told: Hear): Way {
  if (typeof SharedWorker === "function") return throughWorker(account, told);
  return withoutWorker(account, told);
}

function withoutWorker(account: string, told: Hear): Way {
  const locks = (navigator as { locks?: LockManager | null }).locks; // missing on plain-HTTP addresses
  return typeof BroadcastChannel === "function" && locks
    ? throughOneTab(account, told, locks)
    : alone(account, told);
}

function throughWorker(account: string, told: Hear): Way {
  const worker = new SharedWorker(new URL("./hub.ts", import.meta.url), { type: "module", name: NAME });
  let instead: Way | null = null;
  const say = (said: Said) => worker.port.postMessage(said);
  const hello = () => say({ kind: "hello", account });
  const bye = () => say({ kind: "bye" });
  const shown = (event: PageTransitionEvent) => {
    if (!event.persisted) return;
    hello(); // back from the browser's own memory of pages: nobody told us anything meanwhile
    told({ kind: "missed" });
  };
  worker.port.onmessage = (message: MessageEvent<Told>) => {
    if (message.data.kind === "ping") say({ kind: "pong" });
    else {
      if (message.data.kind === "missed") hello(); // it had given this tab up
      told(message.data);
    }
  };
  worker.onerror = () => (instead ??= withoutWorker(account, told));
  addEventListener("pagehide", bye);
  addEventListener("pageshow", shown);
  hello();
  return {
    retry: () => (instead ? instead.retry() : say({ kind: "retry" })),
    end: () => {
      removeEventListener("pagehide", bye);
      removeEventListener("pageshow", shown);
      bye();
      worker.port.close();
      instead?.end();
    },
  };
}

/** The tab that gets the lock holds the stream and passes on what it hears; when it goes, the next one gets the lock. */
function throughOneTab(account: string, told: Hear, locks: LockManager): Way {
  const channel = new BroadcastChannel(`${NAME}-news`);
  const ended = new AbortController();
  let stream: Stream | null = null;
  let last: number | null = null;
  let release = (): void => {};
  channel.onmessage = (message: MessageEvent<Told | Said>) => {
    const heard = message.data;
    if (heard.kind === "hello") {
      if (stream) channel.postMessage({ kind: "state", state: stream.state } satisfies Told);
    } else if (heard.kind === "retry") stream?.retry();
    else if (heard.kind === "news" || heard.kind === "state" || heard.kind === "account") {
      if (heard.kind === "news" && heard.id !== null) last = heard.id;
      told(heard);
    }
  };
  const both = (heard: Told): void => {
    told(heard);
    channel.postMessage(heard);
  };
  void locks
    .request(`${NAME}-news`, { signal: ended.signal }, () => {
      stream = new Stream(browser(both));
      stream.start(account, last);
      return new Promise<void>((done) => (release = done));
    })
    .catch(() => undefined); // ended before it got the lock
  channel.postMessage({ kind: "hello", account } satisfies Said);
  return {
    retry: () => (stream ? stream.retry() : channel.postMessage({ kind: "retry" } satisfies Said)),
    end: () => {
      ended.abort();
      stream?.stop();
      release();
      channel.close();
    },
  };
}

function alone(account: string, told: Hear): Way {
  const stream = new Stream(browser(told));
  stream.start(account);
  return { retry: () => stream.retry(), end: () => stream.stop() };
}

/** The news of a tab: its connection outlives what the account comes to, and what the network does is noticed at once. */

import { flushSync } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Told } from "./told";

let told: (told: Told) => void;
let followed: string[];
let ended: number;
const retry = vi.fn();
vi.mock("./ways", () => ({
  follow: (account: string, hear: (told: Told) => void) => {
    followed.push(account);
    told = hear;
    return { retry, end: () => (ended += 1) };
  },
}));

let answers: boolean;
let news: typeof import("./news.svelte");
let session: (typeof import("../shell/session.svelte"))["session"];
let refreshAccount: (typeof import("../shell/session.svelte"))["refreshAccount"];
const settled = () => new Promise((done) => setTimeout(done, 0));

beforeEach(async () => {
  vi.resetModules();
  followed = [];
  ended = 0;
  answers = true;
  vi.stubGlobal("fetch", () =>
    answers ? Promise.resolve(Response.json({ id: "a" })) : Promise.reject(new TypeError("Failed to fetch")),
  );
  const shell = await import("../shell/session.svelte");
  ({ session, refreshAccount } = shell);
  void shell.startSession();
  await settled();
  news = await import("./news.svelte");
});
afterEach(() => vi.unstubAllGlobals());

test("an account that is read anew does not break the connection", async () => {
  const end = $effect.root(() => {
    $effect(() => news.startNews());
  });
  flushSync();
  await refreshAccount();
  flushSync();
  expect([followed, ended]).toEqual([["a"], 0]);
  end();
  expect(ended).toBe(1);
});

test("without a network it is asked at once whether the service answers all the same", async () => {
  const end = news.startNews();
  dispatchEvent(new Event("offline"));
  await settled();
  expect(session.reached).toBe(true); // it runs on this device
  answers = false;
  dispatchEvent(new Event("offline"));
  await settled();
  expect(session.reached).toBe(false);
  end();
});

test("what was lost is asked for again, also where the stream never broke", async () => {
  const end = news.startNews();
  const back = vi.fn();
  const off = news.onReturn(back);
  told({ kind: "state", state: "live" });
  answers = false;
  dispatchEvent(new Event("offline"));
  await settled();
  expect(back).not.toHaveBeenCalled();
  answers = true;
  dispatchEvent(new Event("online"));
  await settled();
  expect([session.reached, back.mock.calls.length]).toEqual([true, 1]);
  off();
  end();
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Told } from "../live/told";
import { aJob } from "./sample";

let told: (told: Told) => void;
vi.mock("../live/ways", () => ({
  follow: (_account: string, hear: (told: Told) => void) => {
    told = hear;
    return { retry: () => {}, end: () => {} };
  },
}));

let account: string;
let sent: { url: string; key: string | null; body: unknown }[];
let answer: () => Response | Promise<Response>;
let outbox: (typeof import("./outbox.svelte"))["outbox"];
let box: typeof import("./outbox.svelte");

const batch = () =>
  Response.json({ jobs: [aJob()], batch_id: "b1", cost_gpu_ms: 1, replayed: false }, { status: 202 });
const refused = (status: number, code: string) => () =>
  Response.json({ error: { code, message: "No." } }, { status });
const keptOnes = (): number => Object.keys(localStorage).filter((key) => key.includes("outbox:")).length;
const away = () => Promise.reject(new TypeError("Failed to fetch"));

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  localStorage.clear();
  sent = [];
  account = "a";
  answer = batch;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (init.method !== "POST") return Response.json({ id: account, jobs: [], next_cursor: null });
    const key = new Headers(init.headers).get("Idempotency-Key");
    sent.push({ url, key, body: JSON.parse(init.body as string) });
    return answer();
  });
  await (await import("../shell/session.svelte")).refreshAccount();
  box = await import("./outbox.svelte");
  outbox = box.outbox;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("submit", () => {
  it("shows a card at once, in its shape, and takes it away for the job", async () => {
    const submitted = box.submit("a fox --ar 3:2");
    expect(outbox.sendings).toHaveLength(1);
    expect(outbox.sendings[0]).toMatchObject({ state: "sending", shape: { width: 3, height: 2 }, images: 4 });
    await submitted;
    expect(outbox.sendings).toEqual([]);
    const { jobs } = await import("./jobs.svelte");
    expect(jobs.get("j1")!.job.prompt).toBe(aJob().prompt);
  });

  it("asks again under the same key while the service is away, and says so", async () => {
    answer = away;
    const submitted = box.submit("a fox");
    await vi.advanceTimersByTimeAsync(3_500);
    expect(outbox.sendings[0]!.state).toBe("away");
    answer = batch;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await submitted).toHaveLength(1);
    expect(sent.length).toBeGreaterThan(2);
    expect(new Set(sent.map((each) => each.key)).size).toBe(1);
    expect(sent[0]!.key).toMatch(/^[0-9a-f]{32}$/);
  });

  it("gives a refusal to whoever asked, and forgets it", async () => {
    answer = refused(422, "invalid_parameter");
    await expect(box.submit("a fox --ar 99:1")).rejects.toMatchObject({ code: "invalid_parameter" });
    expect(outbox.sendings).toEqual([]);
    expect(keptOnes()).toBe(0);
    expect(sent).toHaveLength(1);
  });

  it("tries a few times where the service cannot just now, then says so", async () => {
    answer = refused(503, "overloaded");
    const failed = expect(box.submit("a fox")).rejects.toMatchObject({ code: "overloaded" });
    await vi.advanceTimersByTimeAsync(60_000);
    await failed;
    expect(sent).toHaveLength(4);
  });

  it("can be taken back while it waits", async () => {
    answer = away;
    const gone = expect(box.submit("a fox")).rejects.toMatchObject({ name: "AbortError" });
    await vi.advanceTimersByTimeAsync(100);
    outbox.takeBack(outbox.sendings[0]!.key);
    await gone;
    answer = batch;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
  });
});

describe("reopen", () => {
  async function reloaded(afterMs: number, as = "a"): Promise<void> {
    answer = away;
    box.submit("a fox").catch(() => undefined);
    await vi.advanceTimersByTimeAsync(100);
    vi.resetModules();
    box = await import("./outbox.svelte");
    outbox = box.outbox;
    answer = batch;
    account = as;
    await (await import("../shell/session.svelte")).refreshAccount();
    box.reopen((error) => expect.unreachable(String(error)), Date.now() + afterMs);
  }

  it("sends what a reload interrupted, under the key that it had", async () => {
    await reloaded(1_000);
    await vi.advanceTimersByTimeAsync(100);
    expect(outbox.sendings).toEqual([]);
    expect(sent.at(-1)!.key).toBe(sent[0]!.key);
    expect(keptOnes()).toBe(0);
  });

  it("waits for a word with what is from long ago", async () => {
    await reloaded(3_600_000);
    const before = sent.length;
    await vi.advanceTimersByTimeAsync(500);
    expect(outbox.sendings[0]!.state).toBe("kept");
    expect(sent).toHaveLength(before);
    await outbox.send(outbox.sendings[0]!.key);
    expect(outbox.sendings).toEqual([]);
  });

  it("leaves alone what somebody else asked for in this browser", async () => {
    await reloaded(1_000, "b");
    await vi.advanceTimersByTimeAsync(500);
    expect(outbox.sendings).toEqual([]);
    expect(sent).toHaveLength(1);
    expect(keptOnes()).toBe(1);
  });

  it("forgets what the service would make twice", async () => {
    await reloaded(47 * 3_600_000);
    expect(outbox.sendings).toEqual([]);
    expect(keptOnes()).toBe(0);
  });
});

it("asks for actions in the same way", async () => {
  await box.request("i1", { action: "vary_subtle" }, { width: 3, height: 2 }, 4);
  expect(sent[0]).toMatchObject({
    url: "/api/v1/images/i1/actions",
    body: { action: "vary_subtle", dry_run: false },
  });
});

it("does not wait any longer once the service is back", async () => {
  const end = (await import("../live/news.svelte")).startNews();
  answer = away;
  const submitted = box.submit("a fox");
  await vi.advanceTimersByTimeAsync(20_000);
  answer = batch;
  told({ kind: "missed" });
  await vi.advanceTimersByTimeAsync(1);
  expect(await submitted).toHaveLength(1);
  end();
});

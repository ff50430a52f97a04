import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Stream, type Probed, type Source } from "./stream";
import type { Told } from "./told";

class FakeSource implements Source {
  static all: FakeSource[] = [];
  closed = false;
  private readonly hears = new Map<string, ((event: MessageEvent) => void)[]>();
  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }
  addEventListener(name: string, hear: (event: MessageEvent) => void): void {
    this.hears.set(name, [...(this.hears.get(name) ?? []), hear]);
  }
  close(): void {
    this.closed = true;
  }
  say(name: string, data: unknown = {}, id = ""): void {
    const event = new MessageEvent(name, { data: JSON.stringify(data), lastEventId: id });
    for (const hear of this.hears.get(name) ?? []) hear(event);
  }
  get asked(): URLSearchParams {
    return new URL(this.url, "http://studio").searchParams;
  }
}

let told: Told[];
let probed: Probed;
let probes: number;

function stream(): Stream {
  return new Stream({
    open: (url) => new FakeSource(url),
    probe: async () => {
      probes += 1;
      return probed;
    },
    tell: (each) => told.push(each),
    random: () => 1,
  });
}
const newest = (): FakeSource => FakeSource.all.at(-1)!;
const states = (): string[] => told.flatMap((each) => (each.kind === "state" ? [each.state] : []));

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.all = [];
  told = [];
  probes = 0;
  probed = { account: "a" };
});
afterEach(() => void vi.useRealTimers());

describe("Stream", () => {
  it("opens once for an account and says when it is live", () => {
    const it = stream();
    it.start("a");
    it.start("a");
    expect(FakeSource.all).toHaveLength(1);
    expect(newest().asked.get("last_event_id")).toBeNull();
    expect(newest().asked.get("beat")).toBe("true");
    newest().say("open");
    expect(states()).toEqual(["live"]);
  });

  it("passes news on, with durable ids only for what is durable", () => {
    stream().start("a");
    newest().say("job", { job_id: "j" }, "7");
    newest().say("progress", { job_id: "j", done: 1, total: 2 }, "7"); // EventSource repeats the last id
    expect(told).toEqual([
      { kind: "news", name: "job", data: { job_id: "j" }, id: 7 },
      { kind: "news", name: "progress", data: { job_id: "j", done: 1, total: 2 }, id: null },
    ]);
  });

  it("comes back with the last id that it saw, on a connection of its own", async () => {
    stream().start("a");
    const first = newest();
    first.say("open");
    first.say("job", {}, "41");
    first.say("error");
    expect(first.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSource.all).toHaveLength(2);
    expect(newest().asked.get("last_event_id")).toBe("41");
    first.say("job", {}, "99"); // what a closed connection still says is not heard
    expect(told.filter((each) => each.kind === "news")).toHaveLength(1);
  });

  it("waits longer each time, and says that the service is away", async () => {
    probed = null;
    stream().start("a");
    newest().say("error");
    const at: number[] = [];
    for (let ms = 0; ms < 60_000; ms += 100) {
      const before = probes;
      await vi.advanceTimersByTimeAsync(100);
      if (probes > before) at.push(ms + 100);
    }
    expect(at.slice(0, 5)).toEqual([500, 1_500, 3_500, 7_500, 15_500]);
    expect(at[6]! - at[5]!).toBe(15_000);
    expect(states()).toEqual(["away"]);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("tries at once when it is told to, and begins with short waits again", async () => {
    probed = null;
    const it = stream();
    it.start("a");
    newest().say("error");
    await vi.advanceTimersByTimeAsync(8_000);
    probed = { account: "a" };
    it.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all).toHaveLength(2);
    newest().say("open");
    expect(states()).toEqual(["away", "silent", "live"]);
    it.retry(); // it is open: nothing to try
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all).toHaveLength(2);
  });

  it("opens one connection, however often it is told to try, and none after another account came", async () => {
    const it = stream();
    it.start("a");
    newest().say("error");
    it.retry();
    it.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all).toHaveLength(2);
    newest().say("error");
    it.retry();
    it.start("b");
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all.filter((each) => !each.closed)).toHaveLength(1);
    expect(told.filter((each) => each.kind === "account")).toEqual([{ kind: "account", account: "b" }]);
  });

  it("gives up a connection on which not even beats come", async () => {
    stream().start("a");
    const first = newest();
    first.say("open");
    for (let beats = 0; beats < 10; beats += 1) {
      await vi.advanceTimersByTimeAsync(15_000);
      first.say("beat");
    }
    expect(first.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(first.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSource.all).toHaveLength(2);
  });

  it("stops where nobody is logged in, until somebody is", async () => {
    probed = "unknown";
    const it = stream();
    it.start("a");
    newest().say("error");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states()).toEqual(["unknown"]);
    expect(probes).toBe(1);
    it.start("b");
    expect(FakeSource.all).toHaveLength(2);
  });

  it("says who is logged in where that has changed, and forgets the other's place", async () => {
    stream().start("a");
    newest().say("job", {}, "41");
    newest().say("error");
    probed = { account: "b" };
    await vi.advanceTimersByTimeAsync(500);
    expect(told.at(-1)).toEqual({ kind: "account", account: "b" });
    expect(newest().asked.get("last_event_id")).toBeNull();
  });

  it("is silent where the service answers and its stream does not", async () => {
    stream().start("a");
    for (let tries = 0; tries < 3; tries += 1) {
      newest().say("error");
      await vi.advanceTimersByTimeAsync(15_000);
    }
    expect(states()).toEqual(["silent"]);
    expect(FakeSource.all).toHaveLength(4);
  });

  it("says nothing more once it was stopped, also where a question was on its way", async () => {
    const it = stream();
    it.start("a");
    newest().say("error");
    await vi.advanceTimersByTimeAsync(499);
    it.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(probes).toBe(0);
    expect(FakeSource.all).toHaveLength(1);
    expect(newest().closed).toBe(true);
  });

  it("does not stumble over what is no line of ours", () => {
    stream().start("a");
    const event = new MessageEvent("job", { data: "{", lastEventId: "3" });
    expect(() =>
      (newest() as unknown as { hears: Map<string, ((e: MessageEvent) => void)[]> }).hears.get("job")![0]!(
        event,
      ),
    ).not.toThrow();
    expect(told).toEqual([]);
  });
});

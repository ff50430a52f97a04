import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Said, Told } from "./told";
import { follow } from "./ways";

class FakeSource {
  static open: FakeSource[] = [];
  private readonly hears = new Map<string, (event: MessageEvent) => void>();
  constructor(readonly url: string) {
    FakeSource.open.push(this);
  }
  addEventListener(name: string, hear: (event: MessageEvent) => void): void {
    this.hears.set(name, hear);
  }
  close(): void {
    FakeSource.open.splice(FakeSource.open.indexOf(this), 1);
  }
  say(name: string, data: unknown = {}, id = ""): void {
    this.hears.get(name)?.(new MessageEvent(name, { data: JSON.stringify(data), lastEventId: id }));
  }
}

/** Web Locks of one origin: one holder, the others in a row. */
class FakeLocks {
  private held = false;
  private readonly row: (() => void)[] = [];
  async request(_name: string, { signal }: { signal: AbortSignal }, run: () => Promise<void>): Promise<void> {
    if (this.held) await new Promise<void>((done) => this.row.push(done));
    if (signal.aborted) {
      this.row.shift()?.();
      throw signal.reason;
    }
    this.held = true;
    await run();
    this.held = false;
    this.row.shift()?.();
  }
}

/** BroadcastChannels of one origin; nobody hears itself. */
class FakeChannel {
  static all: FakeChannel[] = [];
  onmessage: ((event: MessageEvent) => void) | null = null;
  constructor() {
    FakeChannel.all.push(this);
  }
  postMessage(data: unknown): void {
    for (const each of FakeChannel.all)
      if (each !== this) each.onmessage?.(new MessageEvent("message", { data }));
  }
  close(): void {
    FakeChannel.all = FakeChannel.all.filter((each) => each !== this);
  }
}

let locks: FakeLocks | undefined;
const settled = () => new Promise((done) => setTimeout(done, 0));

beforeEach(() => {
  FakeSource.open = [];
  FakeChannel.all = [];
  locks = new FakeLocks();
  vi.stubGlobal("EventSource", FakeSource);
  vi.stubGlobal("BroadcastChannel", FakeChannel);
  vi.stubGlobal("SharedWorker", undefined);
  vi.spyOn(navigator, "locks" as never, "get").mockImplementation((() => locks) as never);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function tab(): { told: Told[]; end: () => void; retry: () => void } {
  const told: Told[] = [];
  return { told, ...follow("a", (each) => told.push(each)) };
}

describe("without a shared worker", () => {
  it("has one stream for several tabs, which all hear it", async () => {
    const [one, other] = [tab(), tab()];
    await settled();
    expect(FakeSource.open).toHaveLength(1);
    FakeSource.open[0]!.say("open");
    FakeSource.open[0]!.say("job", { job_id: "j" }, "8");
    for (const { told } of [one, other]) {
      expect(told.at(-2)).toEqual({ kind: "state", state: "live" });
      expect(told.at(-1)).toEqual({ kind: "news", name: "job", data: { job_id: "j" }, id: 8 });
    }
    one.end();
    other.end();
  });

  it("goes on in another tab from the last event, when the one that held the stream goes", async () => {
    const [one, other] = [tab(), tab()];
    await settled();
    FakeSource.open[0]!.say("job", { job_id: "j" }, "8");
    one.end();
    await settled();
    expect(FakeSource.open).toHaveLength(1);
    expect(FakeSource.open[0]!.url).toContain("last_event_id=8");
    other.end();
    await settled();
    expect(FakeSource.open).toHaveLength(0);
  });

  it("tells a tab that comes later how it stands", async () => {
    const one = tab();
    await settled();
    FakeSource.open[0]!.say("open");
    const other = tab();
    expect(other.told).toEqual([{ kind: "state", state: "live" }]);
    one.end();
    other.end();
  });

  it("lets each tab have its own stream where there are no locks: on plain HTTP", async () => {
    locks = undefined;
    const tabs = [tab(), tab()];
    expect(FakeSource.open).toHaveLength(2);
    tabs.forEach((each) => each.end());
    expect(FakeSource.open).toHaveLength(0);
  });
});

describe("with a shared worker", () => {
  it("says hello, answers pings, and comes back when it was given up", () => {
    const said: Said[] = [];
    const port = {
      onmessage: null as ((event: MessageEvent<Told>) => void) | null,
      postMessage: (each: Said) => said.push(each),
      close: () => {},
    };
    vi.stubGlobal("SharedWorker", class { port = port; onerror = null; }); // prettier-ignore
    const { told, end } = tab();
    const hear = (data: Told) => port.onmessage!(new MessageEvent("message", { data }));
    hear({ kind: "ping" });
    hear({ kind: "missed" });
    end();
    expect(said.map((each) => each.kind)).toEqual(["hello", "pong", "hello", "bye"]);
    expect(told).toEqual([{ kind: "missed" }]);
    expect(FakeSource.open).toHaveLength(0);
  });

  it("does without it where its script cannot be loaded", () => {
    const worker = { port: { postMessage: () => {}, close: () => {} }, onerror: null as (() => void) | null };
    vi.stubGlobal("SharedWorker", function () { return worker; }); // prettier-ignore
    locks = undefined;
    const { end } = tab();
    worker.onerror!();
    worker.onerror!();
    expect(FakeSource.open).toHaveLength(1);
    end();
    expect(FakeSource.open).toHaveLength(0);
  });
});

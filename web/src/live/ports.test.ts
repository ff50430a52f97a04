import { beforeEach, describe, expect, it } from "vitest";
import { Ports, type Port } from "./ports";
import { Stream } from "./stream";
import type { Told } from "./told";

class FakePort implements Port {
  heard: Told[] = [];
  postMessage(told: Told): void {
    this.heard.push(told);
  }
  kinds(): string[] {
    return this.heard.map((each) => each.kind);
  }
}

let opened: { url: string; closed: boolean; hears: Map<string, (event: MessageEvent) => void> }[];
let ping: () => void;
let ports: Ports;

beforeEach(() => {
  opened = [];
  const stream: Stream = new Stream({
    open: (url) => {
      const source = { url, closed: false, hears: new Map<string, (event: MessageEvent) => void>() };
      opened.push(source);
      return {
        addEventListener: (name, hear) => void source.hears.set(name, hear),
        close: () => void (source.closed = true),
      };
    },
    probe: async () => null,
    tell: (told) => ports.tell(told),
  });
  ports = new Ports(stream, { start: (run) => (ping = run) });
});

function tab(account = "a"): FakePort {
  const port = new FakePort();
  ports.heard(port, { kind: "hello", account });
  return port;
}

describe("Ports", () => {
  it("has one stream for ten tabs, and tells each of them everything", () => {
    const tabs = Array.from({ length: 10 }, () => tab());
    expect(opened).toHaveLength(1);
    opened[0]!.hears.get("job")!(new MessageEvent("job", { data: "{}", lastEventId: "5" }));
    for (const each of tabs)
      expect(each.heard.at(-1)).toEqual({ kind: "news", name: "job", data: {}, id: 5 });
  });

  it("tells a tab that comes later how the connection stands", () => {
    tab();
    opened[0]!.hears.get("open")!(new MessageEvent("open"));
    expect(tab().heard).toEqual([{ kind: "state", state: "live" }]);
  });

  it("closes the stream when the last tab goes, and opens it for the next", () => {
    const [one, other] = [tab(), tab()];
    ports.heard(one, { kind: "bye" });
    expect(opened[0]!.closed).toBe(false);
    ports.heard(other, { kind: "bye" });
    expect(opened[0]!.closed).toBe(true);
    tab();
    expect(opened).toHaveLength(2);
  });

  it("lets go of a tab that died without a word, not of one that answers", () => {
    const [dead, alive] = [tab(), tab()];
    for (let turn = 0; turn < 5; turn += 1) {
      ping();
      ports.heard(alive, { kind: "pong" });
    }
    expect(ports.size).toBe(1);
    expect(dead.kinds().filter((kind) => kind === "ping")).toHaveLength(3);
  });

  it("takes a tab back that only slept, and tells it that it missed something", () => {
    const [sleeper] = [tab(), tab()];
    for (let turn = 0; turn < 5; turn += 1) ping();
    expect(ports.size).toBe(0);
    ports.heard(sleeper, { kind: "pong" });
    expect(sleeper.kinds().at(-1)).toBe("missed");
    expect(ports.size).toBe(1);
  });

  it("begins anew for another account", () => {
    const old = tab("a");
    tab("b");
    expect(opened.map((each) => each.closed)).toEqual([true, false]);
    expect(old.heard.at(-1)).toEqual({ kind: "account", account: "b" });
  });
});

/** The tabs that share one stream. A tab that does not answer is let go; if it only slept, it is told that it missed something. */

import type { Stream } from "./stream";
import type { Said, Told } from "./told";

export const PING_MS = 20_000;
const UNANSWERED_MAX = 3;

/** Of MessagePort, what is used here. */
export interface Port {
  postMessage(told: Told): void;
}

export class Ports {
  /** Pings without an answer, of each tab. */
  private readonly open = new Map<Port, number>();

  constructor(
    private readonly stream: Stream,
    private readonly clock: { start(run: () => void, everyMs: number): unknown } = {
      start: (run, everyMs) => setInterval(run, everyMs),
    },
  ) {
    this.clock.start(() => this.ping(), PING_MS);
  }

  get size(): number {
    return this.open.size;
  }

  heard(port: Port, said: Said): void {
    if (said.kind === "bye") return this.drop(port);
    if (said.kind !== "hello" && !this.open.has(port)) port.postMessage({ kind: "missed" });
    this.open.set(port, 0);
    if (said.kind === "hello") {
      this.stream.start(said.account);
      port.postMessage({ kind: "state", state: this.stream.state });
    } else if (said.kind === "retry") this.stream.retry();
  }

  tell(told: Told): void {
    for (const port of this.open.keys()) port.postMessage(told);
  }

  private ping(): void {
    for (const [port, unanswered] of this.open) {
      if (unanswered >= UNANSWERED_MAX) this.drop(port);
      else {
        this.open.set(port, unanswered + 1);
        port.postMessage({ kind: "ping" });
      }
    }
  }

  private drop(port: Port): void {
    this.open.delete(port);
    if (this.open.size === 0) this.stream.stop();
  }
}

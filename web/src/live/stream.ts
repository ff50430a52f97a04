/** One connection to the service's events, kept up: it comes back by itself, with the id of the last event it saw.

Knows no tab and no screen. Every wait has jitter, so that a thousand studios don't come back in the same moment. */

import { fromHere } from "../api/links";
import { KINDS, type LiveState, type Told } from "./told";

const FIRST_RETRY_MS = 500;
const RETRY_MAX_MS = 15_000;
/** The service says something every 15 s (`beat`): after two that did not come, the connection is dead. */
const SILENCE_MAX_MS = 40_000;

/** Of EventSource, what is used here. */
export interface Source {
  addEventListener(name: string, hear: (event: MessageEvent) => void): void;
  close(): void;
}

/** What the service says about who asks; null where it does not answer. */
export type Probed = { account: string } | "unknown" | null;

export interface Surroundings {
  open(url: string): Source;
  probe(): Promise<Probed>;
  tell(told: Told): void;
  random?: () => number;
}

export class Stream {
  private source: Source | null = null;
  private account: string | null = null;
  private last: number | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  /** Counts what was begun, so that the answer to an old question changes nothing. */
  private turn = 0;
  /** How it stands, for tabs that come later. */
  state: LiveState = "opening";

  constructor(private readonly around: Surroundings) {}

  /** Follows the events of an account; the same one again changes nothing, another one begins anew. */
  start(account: string, last: number | null = null): void {
    if (this.account === account && this.state !== "unknown") return;
    const other = this.account !== null && this.account !== account;
    this.stop();
    this.account = account;
    if (other) this.around.tell({ kind: "account", account });
    this.last = last;
    this.open();
  }

  stop(): void {
    this.hangUp();
    clearTimeout(this.timer);
    this.account = null;
    this.last = null;
    this.failures = 0;
    this.state = "opening";
  }

  /** Tries again at once, where it waits to: the network is back, or somebody heard from the service. */
  retry(): void {
    if (this.account === null || this.source || this.state === "unknown") return;
    this.failures = 0;
    clearTimeout(this.timer);
    void this.comeBack();
  }

  private open(): void {
    const query = new URLSearchParams({ beat: "true" });
    if (this.last !== null) query.set("last_event_id", String(this.last));
    this.turn += 1;
    const source = this.around.open(`/api/v1/events?${query}`);
    this.source = source;
    this.watch();
    const mine = (hear: (event: MessageEvent) => void) => (event: MessageEvent) => {
      if (this.source === source) hear(event);
    };
    source.addEventListener(
      "open",
      mine(() => {
        this.failures = 0;
        this.watch();
        this.become("live");
      }),
    );
    source.addEventListener(
      "error",
      mine(() => this.broke()),
    );
    source.addEventListener(
      "beat",
      mine(() => this.watch()),
    );
    for (const name of KINDS)
      source.addEventListener(
        name,
        mine((event) => this.heard(name, event)),
      );
  }

  private heard(name: (typeof KINDS)[number], event: MessageEvent): void {
    this.watch();
    const id = event.lastEventId === "" ? NaN : Number(event.lastEventId);
    if (Number.isSafeInteger(id)) this.last = id;
    let data: unknown;
    try {
      data = JSON.parse(fromHere(event.data as string));
    } catch {
      return; // not a line of ours
    }
    const durable = (name === "job" || name === "snapshot") && Number.isSafeInteger(id);
    this.around.tell({ kind: "news", name, data, id: durable ? id : null });
  }

  /** The connection is gone. EventSource would try again by itself, without patience and without asking why. */
  private broke(): void {
    this.hangUp();
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.comeBack(), this.delayMs());
  }

  private async comeBack(): Promise<void> {
    const turn = (this.turn += 1);
    const { account } = this;
    const found = await this.around.probe().catch(() => null);
    if (turn !== this.turn || account === null) return; // something else was begun meanwhile
    if (found === null) {
      this.become("away");
      this.broke();
    } else if (found === "unknown") {
      this.become("unknown");
    } else {
      if (found.account !== account) {
        this.account = found.account;
        this.last = null;
        this.around.tell({ kind: "account", account: found.account });
      }
      if (this.failures > 1 || this.state === "away") this.become("silent");
      this.open();
    }
  }

  private watch(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.broke(), SILENCE_MAX_MS);
  }

  private hangUp(): void {
    this.turn += 1;
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
  }

  private become(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    this.around.tell({ kind: "state", state });
  }

  private delayMs(): number {
    const most = Math.min(RETRY_MAX_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
    return most * (0.5 + (this.around.random ?? Math.random)() / 2);
  }
}

/** Who is logged in, with plan and balance, as the service says it. */

import { api, Refusal, watch } from "../api/client";
import type { Account } from "../api/types";
import { forgetAll, keepFor } from "./keep";

const RETRY_MS = 2_000;
const state = $state<{ account: Account | null; known: "asking" | "yes" | "no"; reached: boolean }>({
  account: null,
  known: "asking",
  reached: true,
});

export const session = {
  get account(): Account | null {
    return state.account;
  },
  /** Whether we know who is there: `no` is where the studio asks to log in. */
  get known(): "asking" | "yes" | "no" {
    return state.known;
  },
  get isOperator(): boolean {
    return state.account?.role === "owner" || state.account?.role === "admin";
  },
  /** False while the service does not answer. */
  get reached(): boolean {
    return state.reached;
  },
  set reached(value: boolean) {
    state.reached = value;
  },
};

/** Asks who is there, again while nothing answers. Called once. */
export async function startSession(): Promise<void> {
  watch.reached = (reached) => (state.reached = reached);
  watch.unknown = () => {
    state.account = null;
    state.known = "no";
  };
  while (state.known === "asking") {
    await refreshAccount();
    if (state.known === "asking") await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

/** The account anew: after something was charged, granted, or changed. Never throws for the service's sake. */
export async function refreshAccount(limitMs?: number): Promise<void> {
  try {
    const account = await api.get("/api/v1/account", { limitMs });
    if (keepFor(account.id)) return location.reload(); // nothing of one account stays on another's screen
    state.account = account;
    state.known = "yes";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

/** Changes the lane or visibility that jobs have unless they say otherwise. Throws `Refusal`. */
export async function changeAccount(body: { lane?: Account["lane"]; visibility?: Account["visibility"] }) {
  state.account = await api.patch("/api/v1/account", { body });
}

/** Ends the session and forgets what this browser kept. */
export async function logOut(): Promise<void> {
  await api.post("/api/v1/logout");
  forgetAll();
  location.assign("/");
}

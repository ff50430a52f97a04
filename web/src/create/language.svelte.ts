/** The models and parameters that there are, asked for once. Until they are known every name stands for itself. */

import { api, Refusal } from "../api/client";
import { languageOf, UNKNOWN, type Language } from "./parameters";

const state = $state<{ known: Language; asked: boolean }>({ known: UNKNOWN, asked: false });

export const language = {
  get known(): Language {
    return state.known;
  },
};

const RETRY_MS = 3_000;

/** Asks for them, unless that was done; after a refusal again in a while, since little can be done without them. */
export async function learnLanguage(): Promise<void> {
  if (state.asked) return;
  state.asked = true;
  try {
    const { models, parameters } = await api.get("/api/v1/models");
    state.known = languageOf(models, parameters);
  } catch (error) {
    state.asked = false;
    if (!(error instanceof Refusal)) throw error;
    if (error.status !== 401) setTimeout(learnLanguage, (error.retryAfterS ?? 0) * 1_000 || RETRY_MS);
  }
}

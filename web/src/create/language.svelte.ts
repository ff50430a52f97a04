/** The models and parameters that there are, asked for once. Until they are known every name stands for itself. */

import { api, Refusal } from "../api/client";
import { languageOf, UNKNOWN, type Language } from "./parameters";

const state = $state<{ known: Language; asked: boolean }>({ known: UNKNOWN, asked: false });

export const language = {
  get known(): Language {
    return state.known;
  },
};

/** Asks for them, unless that was done. A refusal is asked again the next time. */
export async function learnLanguage(): Promise<void> {
  if (state.asked) return;
  state.asked = true;
  try {
    const { models, parameters } = await api.get("/api/v1/models");
    state.known = languageOf(models, parameters);
  } catch (error) {
    state.asked = false;
    if (!(error instanceof Refusal)) throw error;
  }
}

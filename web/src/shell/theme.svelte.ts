/** Dark, light, or what the system says. */

import { keep, kept } from "./keep";

export type Theme = "system" | "dark" | "light";
const isTheme = (value: unknown): value is Theme =>
  value === "system" || value === "dark" || value === "light";
const light = matchMedia("(prefers-color-scheme: light)");
const state = $state<{ chosen: Theme }>({ chosen: kept("theme", "system", isTheme, "browser") });

export const theme = {
  get chosen(): Theme {
    return state.chosen;
  },
  set chosen(value: Theme) {
    state.chosen = value;
    keep("theme", value, "browser");
    apply();
  },
};

/** Puts the theme on the page and follows the system's. Called once, before anything is drawn. */
export function startTheme(): void {
  apply();
  light.addEventListener("change", apply);
}

function apply(): void {
  const isLight = state.chosen === "light" || (state.chosen === "system" && light.matches);
  document.documentElement.dataset["theme"] = isLight ? "light" : "dark";
}

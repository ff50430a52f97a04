/** Which screen the address names. The gateway serves the studio at each of these paths; unknown ones never reach it. */

export type Screen =
  | { name: "create" }
  | { name: "job"; id: string }
  | { name: "image"; id: string; view: "look" | "edit" | "lineage" }
  | { name: "library"; part: "images" | "trash" }
  | { name: "explore" }
  | { name: "rank" }
  | { name: "account" }
  | { name: "operate"; part: string }
  | { name: "lost" };

const state = $state({ path: location.pathname, query: location.search, depth: 0 });

/** What the address means. Pure. */
export function screenOf(path: string): Screen {
  const [first = "", second = "", third = ""] = path.split("/").slice(1);
  if (first === "") return { name: "create" };
  if (first === "jobs" && second) return { name: "job", id: second };
  if (first === "images" && second) {
    const view = third === "edit" || third === "lineage" ? third : "look";
    return { name: "image", id: second, view };
  }
  if (first === "library") return { name: "library", part: second === "trash" ? "trash" : "images" };
  if (first === "explore" || first === "rank" || first === "account") return { name: first };
  if (first === "operate") return { name: "operate", part: second };
  return { name: "lost" };
}

export const route = {
  /** The screen now; reactive. */
  get screen(): Screen {
    return screenOf(state.path);
  },
  get path(): string {
    return state.path;
  },
  /** What follows `?`; reactive. */
  get query(): URLSearchParams {
    return new URLSearchParams(state.query);
  },
  /** Whether going back stays in the studio. */
  get canGoBack(): boolean {
    return state.depth > 0;
  },
};

/** Goes to a path of the studio, `replace` without a step of the browser's history. */
export function go(to: string, { replace = false } = {}): void {
  const depth = replace ? state.depth : state.depth + 1;
  const path = state.path;
  history[replace ? "replaceState" : "pushState"]({ depth }, "", to);
  read();
  if (!replace && state.path !== path) scrollTo(0, 0);
}

/** One step back where that stays in the studio, else to `otherwise`. */
export function back(otherwise: string): void {
  if (state.depth > 0) history.back();
  else go(otherwise, { replace: true });
}

/** Follows the browser's own buttons and every link of the page. Called once. */
export function follow(): void {
  read();
  addEventListener("popstate", read);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (screenOf(link.pathname).name === "lost") return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}

function read(): void {
  state.path = location.pathname;
  state.query = location.search;
  state.depth = Number((history.state as { depth?: number } | null)?.depth ?? 0);
}

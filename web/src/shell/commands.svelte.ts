/** What the palette offers: every key that does something now, every screen, and what screens add themselves. */

import { go } from "./router.svelte";
import { logOut, session } from "./session.svelte";
import { shortcuts } from "./shortcuts.svelte";
import { theme } from "./theme.svelte";
import { sayRefusal } from "./toasts.svelte";

export interface Command {
  words: string;
  where: string;
  keys?: string;
  run: () => void;
}

/** The keys that open the palette: it does not offer itself. */
export const PALETTE_KEYS = "Ctrl+K";
const FOUND_MAX = 40;
const event = new KeyboardEvent("keydown");

/** Everything that can be done now, what the newest scope does first. */
export function commands(): Command[] {
  const keyed = shortcuts.scopes.flatMap((scope) =>
    scope.shortcuts
      .filter((each) => !each.silent && each.keys !== PALETTE_KEYS)
      .map((each) => ({
        words: each.words,
        where: scope.title,
        keys: each.keys,
        run: () => each.run(event),
      })),
  );
  const fixed: Command[] = [
    { words: "Trash", where: "Library", run: () => go("/library/trash") },
    { words: "Use dark colours", where: "Studio", run: () => (theme.chosen = "dark") },
    { words: "Use light colours", where: "Studio", run: () => (theme.chosen = "light") },
    { words: "Use the system's colours", where: "Studio", run: () => (theme.chosen = "system") },
  ];
  if (session.known === "yes")
    fixed.push({ words: "Log out", where: "Account", run: () => void logOut().catch(sayRefusal) });
  if (session.isOperator) fixed.unshift({ words: "Operate", where: "Studio", run: () => go("/operate") });
  const seen = new Set<string>();
  return [...keyed, ...fixed].filter((each) => !seen.has(each.words) && seen.add(each.words));
}

/** Those whose words hold all the letters of `text` in order, those that begin with it first. */
export function matching(all: readonly Command[], text: string): Command[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return all.slice(0, FOUND_MAX);
  const rank = (words: string): number => {
    const lower = words.toLowerCase();
    if (lower.startsWith(wanted)) return 0;
    if (lower.includes(wanted)) return 1;
    let at = -1;
    for (const letter of wanted) {
      at = lower.indexOf(letter, at + 1);
      if (at < 0) return Infinity;
    }
    return 2;
  };
  return all
    .map((command) => ({ command, rank: rank(command.words) }))
    .filter((each) => each.rank < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, FOUND_MAX)
    .map((each) => each.command);
}

/** What survives a reload: small values in the browser's own storage. Where that is full or forbidden, they just don't.

They belong to the account that was here last, which is known before the service is asked, so that nobody finds another
one's words in the same browser. A few are the browser's: how it looks, how its keys work. */

const ALL = "darkroom:";
const LAST = `${ALL}account`;

type Whose = "account" | "browser";

let mine = prefixOf(read(LAST));

function prefixOf(account: string | null): string {
  return account ? `${ALL}${account}:` : ALL;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // forbidden
  }
}

function write(key: string, text: string): boolean {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false; // full or forbidden: the studio works without it
  }
}

/** Says whose values are kept from now on. True where those that were read by now are somebody else's: the page has to
begin anew. */
export function keepFor(account: string): boolean {
  const before = mine;
  mine = prefixOf(account);
  if (mine === before) return false;
  if (!write(LAST, account)) {
    forgetAll(); // it may have been full
    if (!write(LAST, account)) return false;
  }
  return before !== ALL;
}

/** The kept value, or `otherwise` where there is none that `valid` takes. */
export function kept<T>(
  name: string,
  otherwise: T,
  valid: (value: unknown) => value is T,
  whose: Whose = "account",
): T {
  try {
    const text = localStorage.getItem(keyOf(name, whose));
    if (text === null) return otherwise;
    const value: unknown = JSON.parse(text);
    return valid(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

export function keep(name: string, value: unknown, whose: Whose = "account"): void {
  write(keyOf(name, whose), JSON.stringify(value));
}

const keyOf = (name: string, whose: Whose): string => (whose === "account" ? mine : ALL) + name;

/** Forgets one value. */
export function forget(name: string): void {
  try {
    localStorage.removeItem(mine + name);
  } catch {
    // forbidden: there is nothing to forget
  }
}

/** The names of kept values that begin with `start`. */
export function keptNames(start: string): string[] {
  try {
    const all = Object.keys(localStorage).filter((name) => name.startsWith(mine + start));
    return all.map((name) => name.slice(mine.length));
  } catch {
    return [];
  }
}

/** Forgets everything of the studio's: when somebody logs out, the next person finds nothing. */
export function forgetAll(): void {
  try {
    for (const name of Object.keys(localStorage)) if (name.startsWith(ALL)) localStorage.removeItem(name);
  } catch {
    // forbidden: there is nothing to forget
  }
}

export const isString = (value: unknown): value is string => typeof value === "string";

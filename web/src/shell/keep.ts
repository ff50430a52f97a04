/** What survives a reload: small values in the browser's own storage. Where that is full or forbidden, they just don't. */

const PREFIX = "darkroom:";

/** The kept value, or `otherwise` where there is none that `valid` takes. */
export function kept<T>(name: string, otherwise: T, valid: (value: unknown) => value is T): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    if (text === null) return otherwise;
    const value: unknown = JSON.parse(text);
    return valid(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

export function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // full or forbidden: the studio works without it
  }
}

/** Forgets one value. */
export function forget(name: string): void {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // forbidden: there is nothing to forget
  }
}

/** The names of kept values that begin with `start`. */
export function keptNames(start: string): string[] {
  try {
    const all = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX + start));
    return all.map((name) => name.slice(PREFIX.length));
  } catch {
    return [];
  }
}

/** Forgets everything of the studio's: when somebody logs out, the next person finds nothing. */
export function forgetAll(): void {
  try {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
  } catch {
    // forbidden: there is nothing to forget
  }
}

export const isString = (value: unknown): value is string => typeof value === "string";

/** Links that the service makes, with the address under which this browser has reached it. */

export function reachable(url: string, origin: string): string {
  const { pathname, search, hash } = new URL(url, origin);
  return origin + pathname + search + hash;
}

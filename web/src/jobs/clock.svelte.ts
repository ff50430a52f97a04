/** The time of day as cards show it: it goes on while they stay. */

const EVERY_MS = 30_000;
const state = $state({ now: Date.now() });
setInterval(() => {
  if (!document.hidden) state.now = Date.now();
}, EVERY_MS);

export const clock = {
  /** In milliseconds, as of half a minute ago at most; reactive. */
  get now(): number {
    return state.now;
  },
};

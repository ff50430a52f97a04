/** How the images of the wall are shown: how large, in pixels, and whether whole or cut to a square. As last chosen. */

import { keep, kept } from "../shell/keep";

export const SIZE_MIN = 88;
export const SIZE_MAX = 360;
const PHONE_PX = 720;

const isSize = (value: unknown): value is number =>
  typeof value === "number" && value >= SIZE_MIN && value <= SIZE_MAX;

const state = $state({
  px: kept("wall-size", innerWidth <= PHONE_PX ? 112 : 184, isSize),
  whole: kept("wall-whole", false, (value) => typeof value === "boolean"),
});

export const wallSize = {
  get px(): number {
    return state.px;
  },
  set px(value: number) {
    state.px = Math.min(SIZE_MAX, Math.max(SIZE_MIN, value));
    keep("wall-size", state.px);
  },
  get whole(): boolean {
    return state.whole;
  },
  set whole(value: boolean) {
    state.whole = value;
    keep("wall-whole", value);
  },
};

/** How large the images of the wall are, in pixels: as somebody last chose. */

import { keep, kept } from "../shell/keep";

export const SIZE_MIN = 88;
export const SIZE_MAX = 360;
const PHONE_PX = 720;

const isSize = (value: unknown): value is number =>
  typeof value === "number" && value >= SIZE_MIN && value <= SIZE_MAX;

const state = $state({ px: kept("wall-size", innerWidth <= PHONE_PX ? 112 : 184, isSize) });

export const wallSize = {
  get px(): number {
    return state.px;
  },
  set px(value: number) {
    state.px = Math.min(SIZE_MAX, Math.max(SIZE_MIN, value));
    keep("wall-size", state.px);
  },
};

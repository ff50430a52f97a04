/** Everything that can be made of an image, in the order and the words of the panel. What each costs, the service says, and
it has the last word on whether it can be done; what the image itself tells about that is not asked. */

import type { ActionIn, ImageDetail } from "../api/types";
import type { IconName } from "../parts/Icon.svelte";

export type Body = Omit<ActionIn, "dry_run">;

export interface Deed {
  words: string;
  /** What one gets, in a few words. */
  gives: string;
  icon: IconName;
  body: Body;
  /** A key that does it, as the help sheet says it. */
  keys?: string;
}

export type Scale = "2" | "4";

export const VARY: readonly Deed[] = [
  {
    words: "Subtle",
    gives: "4 pictures, a little different",
    icon: "vary",
    body: { action: "vary_subtle" },
    keys: "V",
  },
  {
    words: "Strong",
    gives: "4 pictures, quite different",
    icon: "vary",
    body: { action: "vary_strong" },
    keys: "Shift+V",
  },
];

export const AGAIN: readonly Deed[] = [
  {
    words: "Reroll",
    gives: "4 pictures from the same words",
    icon: "dice",
    body: { action: "reroll" },
    keys: "R",
  },
  { words: "Enhance", gives: "this draft, drawn in full", icon: "spark", body: { action: "enhance" } },
  { words: "Draw in HD", gives: "the large size, with new details", icon: "expand", body: { action: "hd" } },
  {
    words: "Replay",
    gives: "draws it once more, to see whether it comes out the same",
    icon: "replay",
    body: { action: "replay" },
  },
];

/** Larger, two or four times as wide and high. */
export function upscales(scale: Scale): readonly Deed[] {
  const by = Number(scale);
  return [
    {
      words: "Subtle",
      gives: "as faithful as can be",
      icon: "bigger",
      body: { action: "upscale_subtle", scale: by },
      keys: "U",
    },
    {
      words: "Creative",
      gives: "with new detail",
      icon: "bigger",
      body: { action: "upscale_creative", scale: by },
      keys: "Shift+U",
    },
  ];
}

/** More around it. `around` says what is to be seen there; without it the picture goes on as it is. */
export function growths(zoom: number, around: string): { zooms: Deed[]; pans: Deed[]; square: Deed } {
  const prompt = around.trim() ? { prompt: around.trim() } : {};
  const zoomOut = (by: number, words: string): Deed => ({
    words,
    gives: `a canvas ${by} times as large`,
    icon: "expand",
    body: { action: "zoom_out", zoom: by, ...prompt },
  });
  const pan = (direction: "left" | "right" | "up" | "down", words: string): Deed => ({
    words,
    gives: `half a side more, ${words.toLowerCase()}`,
    icon: `arrow${direction}`,
    body: { action: "pan", direction, ...prompt },
  });
  return {
    zooms: [zoomOut(1.5, "1.5×"), zoomOut(2, "2×"), zoomOut(zoom, `Custom, ${zoom}×`)],
    pans: [
      pan("left", "To the left"),
      pan("up", "Upwards"),
      pan("down", "Downwards"),
      pan("right", "To the right"),
    ],
    square: {
      words: "Make square",
      gives: "the shorter side is padded",
      icon: "image",
      body: { action: "make_square", ...prompt },
    },
  };
}

/** Other words over the same picture. */
export const remix = (prompt: string): Deed => ({
  words: "Remix",
  gives: "4 pictures",
  icon: "brush",
  body: { action: "remix", prompt: prompt.trim() },
});

/** The same question has the same name, whatever object asks it. */
export function nameOf(body: Body): string {
  return JSON.stringify(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const LONGEST_PX = 4_096; // of what an upscale makes

/** Why this very image cannot be taken for it, as far as the image itself tells; else null. */
export function unableFor(image: ImageDetail, body: Body): { why: string; hint: string } | null {
  const parameters = (image.provenance["parameters"] ?? {}) as Record<string, unknown>;
  const recipe = (image.provenance["recipe"] ?? {}) as Record<string, unknown>;
  const inputs = (recipe["inputs"] ?? []) as { role?: unknown }[];
  const { action } = body;
  if (action === "enhance" && parameters["draft"] !== true)
    return { why: "This is no draft: it was drawn in full.", hint: "Upscale it, or draw it in HD." };
  if (action === "hd" && parameters["hd"] === true)
    return { why: "It is drawn at the large size already.", hint: "Upscale it." };
  if (action === "hd" && (recipe["frame"] || recipe["scale"] || inputs.some((each) => each.role === "mask")))
    return { why: "It keeps pixels of another picture, which have no large size.", hint: "Upscale it." };
  if (action === "make_square" && image.width === image.height)
    return { why: "It is square already.", hint: "Zoom out to draw around it." };
  const longest = Math.max(image.width, image.height) * (body.scale ?? 2);
  if (action.startsWith("upscale") && longest > LONGEST_PX)
    return {
      why: `It would be ${longest.toLocaleString()} pixels long, and a picture may have ${LONGEST_PX.toLocaleString()}.`,
      hint: body.scale === 4 && longest / 2 <= LONGEST_PX ? "Take 2×." : "It is as large as it gets.",
    };
  return null;
}

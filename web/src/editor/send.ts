/** Brings masks to the service. */

import { send } from "../api/client";
import type { Upload } from "../api/types";
import { emptyMask, rectangle, type Mask } from "./mask";
import { greyPng } from "./png";
import { wholeMask } from "./soften";

/** Uploads a mask; throws `Refusal`. The same mask twice is one upload. */
export async function sendMask(mask: Mask, feather: number): Promise<Upload> {
  const form = new FormData();
  form.append("kind", "mask");
  form.append("file", await greyPng(wholeMask(mask, feather), mask.width, mask.height), "mask.png");
  const answer = await send("/api/v1/uploads", { method: "POST", body: form });
  return (await answer.json()) as Upload;
}

const whole = new Map<string, Promise<string>>();

/** The id of a mask of all of a picture, to ask for a price before anything is painted: prices go by size alone. */
export function wholeMaskId(width: number, height: number): Promise<string> {
  const size = `${width}x${height}`;
  const known = whole.get(size);
  if (known) return known;
  const mask = emptyMask(width, height);
  rectangle(mask, { left: 0, top: 0, right: width, bottom: height }, 1);
  const asked = sendMask(mask, 0).then((upload) => upload.id);
  whole.set(size, asked);
  asked.catch(() => whole.delete(size));
  return asked;
}

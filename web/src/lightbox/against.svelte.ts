/** What a picture is compared with: which of its origins, its pixels, and where they lie in it. */

import { api, Refusal } from "../api/client";
import type { ImageDetail } from "../api/types";
import { frameOf, placeOf, type Origin, type Place } from "./align";
import { look, remembered } from "./opened";

export interface Against {
  url: string;
  place: Place;
  words: string;
}

/** The origin's pixels in place. Throws `Refusal` where it is gone or somebody else's. */
export async function against(image: ImageDetail, origin: Origin): Promise<Against> {
  const frame = origin.role === "init" || origin.role === "source" ? frameOf(image) : null;
  if (origin.kind === "upload") {
    const upload = await api.get("/api/v1/uploads/{upload_id}", { path: { upload_id: origin.id } });
    return {
      url: upload.url,
      place: placeOf(image, upload, frame),
      words: "Before: a picture that was brought along",
    };
  }
  const parent = remembered(origin.id) ?? (await look(origin.id));
  const url = (parent.files["png"] ?? parent.files["webp"])?.url;
  if (!url)
    throw new Refusal(404, "image_deleted", "The picture that it was made of has no pixels any more.");
  return { url, place: placeOf(image, parent, frame), words: `Before: ${parent.prompt}` };
}

const ROLES: Record<string, string> = {
  init: "What it began with",
  replay: "What was drawn again",
  source: "What it was made of",
  blend: "Blended",
  prompt: "Image prompt",
  style: "Style",
  character: "Character",
  omni: "Thing",
};

/** What an origin is to the image; numbered where several are the same to it. */
export function nameOf(origin: Origin, all: readonly Origin[]): string {
  const alike = all.filter((each) => each.role === origin.role);
  const name = ROLES[origin.role] ?? origin.role;
  return alike.length > 1 ? `${name} ${alike.indexOf(origin) + 1}` : name;
}

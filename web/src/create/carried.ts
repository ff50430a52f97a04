/** What a drag or a paste carries: files, an image of the studio, or a link. Pure but for reading what the browser gives. */

import type { Model } from "../api/types";
import type { ReferenceKind } from "./compose";

/** What a drag of an image within the studio says: JSON `{id, thumbnail}`. */
export const IMAGE_TYPE = "application/x-darkroom-image";

export interface Carried {
  files: File[];
  image: { id: string; thumbnail: string } | null;
  link: string;
}

export interface Kind {
  kind: ReferenceKind;
  title: string;
  meaning: string;
}

export const KINDS: readonly Kind[] = [
  { kind: "image", title: "Image", meaning: "Draw something like it" },
  { kind: "style", title: "Style", meaning: "Draw in its manner" },
  { kind: "character", title: "Character", meaning: "Draw this person or creature" },
  { kind: "omni", title: "Omni", meaning: "Put what it shows into the picture" },
];

const HONOURED_BY: Record<ReferenceKind, string> = {
  image: "iw",
  style: "sref",
  character: "cref",
  omni: "oref",
};

/** Whether a drag may carry a picture; what exactly is known only when it is dropped. */
export function mayCarry(types: readonly string[]): boolean {
  return types.includes("Files") || types.includes(IMAGE_TYPE);
}

export function carriedBy(data: DataTransfer): Carried {
  const files = [...data.files].filter(
    (each) => each.type.startsWith("image/") || data.types.includes("Files"),
  );
  const link =
    (data.getData("text/uri-list") || "").split("\n").find((line) => /^https?:\/\//.test(line)) ?? "";
  return { files, image: imageOf(data.getData(IMAGE_TYPE)), link: link.trim() };
}

function imageOf(text: string): Carried["image"] {
  try {
    const found = JSON.parse(text) as { id?: unknown; thumbnail?: unknown };
    if (typeof found.id !== "string" || !/^[\w-]{1,64}$/.test(found.id)) return null;
    return { id: found.id, thumbnail: typeof found.thumbnail === "string" ? found.thumbnail : "" };
  } catch {
    return null;
  }
}

/** Why a model takes no such pictures, without what to type instead; "" where it does or no model is known. */
export function kindUnable(model: Model | undefined, kind: ReferenceKind): string {
  if (!model || model.references[kind]) return "";
  const reason = model.parameters[HONOURED_BY[kind]];
  const able = typeof reason === "string" ? /Models that can: [^.]+\./.exec(reason)?.[0] : "";
  return `${model.name} takes none. ${able || "No model that is installed does."}`;
}

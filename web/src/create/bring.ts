/** Brings what was dropped, pasted or chosen to a kind of picture. */

import { carriedBy, type Carried } from "./carried";
import type { ReferenceKind } from "./compose";
import { draft } from "./draft.svelte";
import { bringFiles, bringLink } from "./uploads.svelte";

/** True where there was something to bring. */
export function bring(kind: ReferenceKind, carried: Carried): boolean {
  const { files, image, link } = carried;
  if (image) draft.add(kind, `upload:${image.id}`, image.thumbnail);
  else if (files.length) bringFiles(kind, files);
  else if (link) bringLink(kind, link);
  return image !== null || files.length > 0 || link !== "";
}

export function bringDrop(kind: ReferenceKind, event: DragEvent): boolean {
  return event.dataTransfer !== null && bring(kind, carriedBy(event.dataTransfer));
}

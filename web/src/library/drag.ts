/** What a dragged image says to whatever it is dropped on: reference zones take one, folders take all that are chosen. */

export const ONE = "application/x-darkroom-image";
export const MANY = "application/x-darkroom-images";

export interface Dragged {
  id: string;
  thumbnail: string;
}

/** Fills a drag with one image, and with the ids of all that go along. */
export function load(transfer: DataTransfer, image: Dragged, ids: readonly string[]): void {
  transfer.effectAllowed = "copyLink";
  transfer.setData(ONE, JSON.stringify({ id: image.id, thumbnail: image.thumbnail }));
  transfer.setData(MANY, JSON.stringify(ids.includes(image.id) ? ids : [image.id]));
}

/** Whether a drag holds images of the studio. Their ids are told only when it is dropped. */
export function holds(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes(MANY) ?? false;
}

/** The ids of what was dropped; none where it is something else. */
export function dropped(transfer: DataTransfer | null): string[] {
  try {
    const ids: unknown = JSON.parse(transfer?.getData(MANY) || "[]");
    return Array.isArray(ids) ? ids.filter((each): each is string => typeof each === "string") : [];
  } catch {
    return [];
  }
}

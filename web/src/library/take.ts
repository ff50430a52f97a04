/** Images to one's disk: one as it is, several as a ZIP. */

import type { KeptImage } from "../api/types";
import { filesOf, takeAlong } from "../lightbox/files";
import { download } from "./keeping";

export async function take(images: readonly KeptImage[]): Promise<void> {
  const [first] = images;
  const png = images.length === 1 && first ? filesOf(first)[0] : undefined;
  if (first && png) return await takeAlong(first, png);
  const bytes = images.reduce((sum, image) => sum + (image.files["png"]?.size_bytes ?? 0), 0);
  if (images.length)
    await download(
      images.map((each) => each.id),
      { bytes },
    );
}

/** Images and jobs that were looked at lately, so that walking left and right is instant. Knows no screen. */

import { api, Refusal } from "../api/client";
import type { ImageDetail, Job } from "../api/types";
import { onKept } from "../library/keeping";

const KEPT_MAX = 60;
const KEPT_MS = 600_000; // links of files work for an hour

const images = new Map<string, { image: ImageDetail; at: number }>();
const jobs = new Map<string, Promise<Job>>();

/** What is remembered of an image, if it is fresh enough to be shown. */
export function remembered(id: string, now = Date.now()): ImageDetail | null {
  const found = images.get(id);
  return found && now - found.at < KEPT_MS ? found.image : null;
}

/** The image as it is now. Throws `Refusal`. */
export async function look(id: string, signal?: AbortSignal): Promise<ImageDetail> {
  try {
    const image = await api.get("/api/v1/images/{image_id}", { path: { image_id: id }, signal });
    remember(image);
    return image;
  } catch (error) {
    if (error instanceof Refusal && !passes(error)) images.delete(id);
    throw error;
  }
}

/** Whether a refusal is a matter of the moment, and says nothing of the image itself. */
export function passes({ status }: Refusal): boolean {
  return status === 0 || status === 429 || status >= 500;
}

export function remember(image: ImageDetail, now = Date.now()): void {
  images.delete(image.id);
  images.set(image.id, { image, at: now });
  if (images.size > KEPT_MAX) images.delete(images.keys().next().value!);
}

// what was done meanwhile holds for what is remembered, too: who walks back sees no mark of before
onKept((change) => {
  for (const id of change.kind === "marked" ? [change.id] : change.kind === "arranged" ? [] : change.ids) {
    const found = images.get(id);
    if (!found) continue;
    if (change.kind === "marked")
      found.image = { ...found.image, marks: { ...change.marks }, likes: change.likes };
    else if (change.kind === "shown") found.image = { ...found.image, visibility: change.visibility };
    else images.delete(id);
  }
});

/** Fetches a neighbour's data and pixels before somebody goes there. What fails then, fails in silence. */
export async function lookAhead(id: string): Promise<void> {
  try {
    const image = remembered(id) ?? (await look(id));
    const file = image.files["webp"] ?? image.files["png"];
    if (file) new Image().src = file.url;
  } catch {
    // it is said when somebody goes there
  }
}

/** The job of an image of one's own: its other images and what it cost. Throws `Refusal`. */
export function jobOf(id: string): Promise<Job> {
  const found = jobs.get(id) ?? api.get("/api/v1/jobs/{job_id}", { path: { job_id: id } });
  jobs.set(id, found);
  if (jobs.size > KEPT_MAX) jobs.delete(jobs.keys().next().value!);
  found.catch(() => jobs.delete(id));
  return found;
}

/** Small pictures of what jobs were made from: those of the feed are at hand, the others are asked for once. */

import { SvelteMap } from "svelte/reactivity";
import { api, Refusal } from "../api/client";
import type { Image, Job } from "../api/types";
import { jobs } from "./jobs.svelte";

export interface Parent {
  id: string;
  kind: "image" | "upload";
  /** Null where it is gone, or not to be seen. */
  thumbnail: string | null;
  width: number;
  height: number;
}

type Input = Job["recipe"]["inputs"][number];

const found = new SvelteMap<string, Parent>();
const asked = new Set<string>();
let queue = Promise.resolve();

/** The parents of a job that are worth showing: a mask is no picture. Each once. */
export function pictured(inputs: readonly Input[]): Input[] {
  const seen = new Set<string>();
  return inputs.filter(
    (each) => each.role !== "mask" && !seen.has(each.parent_id) && seen.add(each.parent_id),
  );
}

/** What is known of a parent by now; reactive. */
export function parentOf(id: string): Parent | undefined {
  return found.get(id);
}

/** Sees to it that a parent becomes known. One request at a time: they are decoration. */
export function wantParent(input: Input): void {
  const id = input.parent_id;
  if (asked.has(id)) return;
  asked.add(id);
  const near = jobs.imageOf(id);
  if (near) {
    found.set(id, ofImage(near));
    return;
  }
  queue = queue.then(() => ask(input));
}

async function ask(input: Input): Promise<void> {
  const { parent_id: id, kind } = input;
  try {
    found.set(id, kind === "upload" ? await upload(id) : await image(id));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 404) found.set(id, { id, kind, thumbnail: null, width: 1, height: 1 });
    else asked.delete(id);
  }
}

async function image(id: string): Promise<Parent> {
  return ofImage(await api.get("/api/v1/images/{image_id}", { path: { image_id: id } }));
}

async function upload(id: string): Promise<Parent> {
  const one = await api.get("/api/v1/uploads/{upload_id}", { path: { upload_id: id } });
  return { id, kind: "upload", thumbnail: one.url, width: one.width, height: one.height };
}

function ofImage(one: Pick<Image, "id" | "files" | "width" | "height">): Parent {
  const file = one.files["thumbnail"] ?? one.files["webp"];
  return { id: one.id, kind: "image", thumbnail: file?.url ?? null, width: one.width, height: one.height };
}

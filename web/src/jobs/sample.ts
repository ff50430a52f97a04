/** Jobs and images for tests: whole, and as short to write as what matters in them. */

import type { Image, Job } from "../api/types";

export function aJob(changes: Partial<Job> = {}): Job {
  return {
    id: "j1",
    batch_id: "b1",
    state: "ready",
    lane: "fast",
    visibility: "public",
    source: "a red fox",
    prompt: "a red fox --v mini-1 --seed 5",
    model: "mini-1",
    seed: 5,
    action: "imagine",
    recipe: {
      action: "imagine",
      inputs: [],
      indices: [1, 2, 3, 4],
      strength: null,
      scale: null,
      frame: null,
      seam_px: 0,
      replay_of: null,
    },
    position: null,
    wait_s: null,
    cost_gpu_ms: 1_000,
    charged_gpu_ms: null,
    attempt: 0,
    cancel_requested: false,
    progress: null,
    images: [],
    grid: null,
    notes: [],
    error: null,
    created_at: "2026-11-22T03:00:00Z",
    started_at: null,
    finished_at: null,
    ...changes,
  };
}

export function anImage(changes: Partial<Image> = {}): Image {
  return {
    id: "i1",
    job_id: "j1",
    index: 1,
    width: 256,
    height: 256,
    model: "mini-1",
    seed: 5,
    prompt: "a red fox --v mini-1 --seed 5",
    visibility: "public",
    action: "imagine",
    parents: [],
    files: {},
    created_at: "2026-11-22T03:00:00Z",
    ...changes,
  };
}

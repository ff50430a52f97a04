/** Where a parent lies in the picture that was made of it, so that both can be looked at one over the other. Pure. */

import type { ImageDetail } from "../api/types";
import type { Size } from "./zoom";

/** In shares of the child's width and height. */
export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Frame extends Size {
  left: number;
  top: number;
  inner_width: number;
  inner_height: number;
}

/** A picture that something was made of, as the provenance names it. */
export interface Origin {
  id: string;
  kind: "image" | "upload";
  role: string;
}

/** The canvas of the recipe, where it grew. */
export function frameOf(image: ImageDetail): Frame | null {
  const frame = (image.provenance["recipe"] as { frame?: unknown } | undefined)?.frame;
  if (typeof frame !== "object" || frame === null) return null;
  const names = ["width", "height", "left", "top", "inner_width", "inner_height"] as const;
  const found = frame as Record<string, unknown>;
  return names.every((name) => typeof found[name] === "number") ? (found as unknown as Frame) : null;
}

/** What it can be compared with, what it began with first; a mask shows nothing and is left out. */
export function originsOf(image: ImageDetail): Origin[] {
  const inputs = (image.provenance["recipe"] as { inputs?: unknown } | undefined)?.inputs;
  const listed = Array.isArray(inputs) ? (inputs as Record<string, unknown>[]) : [];
  const found: Origin[] = [];
  for (const each of listed) {
    const [id, role] = [String(each["parent_id"]), String(each["role"])];
    if (role === "mask" || found.some((other) => other.id === id)) continue;
    found.push({ id, role, kind: each["kind"] === "upload" ? "upload" : "image" });
  }
  return found.sort((a, b) => rank(a.role) - rank(b.role));
}

const FIRST = ["init", "replay", "source", "blend", "prompt"];
const rank = (role: string): number => (FIRST.includes(role) ? FIRST.indexOf(role) : FIRST.length);

/** The parent's place: within its frame where the canvas grew, else as large as fits, in the middle. */
export function placeOf(child: Size, parent: Size, frame: Frame | null): Place {
  if (frame) {
    return {
      left: frame.left / frame.width,
      top: frame.top / frame.height,
      width: frame.inner_width / frame.width,
      height: frame.inner_height / frame.height,
    };
  }
  const share = Math.min(child.width / parent.width, child.height / parent.height);
  const width = (parent.width * share) / child.width;
  const height = (parent.height * share) / child.height;
  if (Math.abs(width - 1) < ALIKE && Math.abs(height - 1) < ALIKE)
    return { left: 0, top: 0, width: 1, height: 1 };
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
}

/** Sizes are rounded to what models draw: an upscale or a remix of nearly the same shape fills all of it. */
const ALIKE = 0.04;

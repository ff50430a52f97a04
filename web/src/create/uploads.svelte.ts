/** Pictures on their way to the service, with how far they are; what arrived becomes a reference of the draft. */

import { api, away, Refusal, refusalOf } from "../api/client";
import { fromHere } from "../api/links";
import { lineOf } from "../api/sentences";
import type { Upload } from "../api/types";
import { size } from "../parts/amounts";
import type { ReferenceKind } from "./compose";
import { draft } from "./draft.svelte";

const FILE_MAX_BYTES = 20 * 1024 * 1024;
const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/** What a file field lets people choose. */
export const ACCEPTED = TYPES.join(",");

export interface Arriving {
  id: number;
  kind: ReferenceKind;
  name: string;
  /** The address of the picture in this browser; "" for a link. */
  preview: string;
  /** From 0 to 1; null where nobody can tell. */
  done: number | null;
  fault: string;
  again: () => void;
  stop: () => void;
}

const state = $state<{ arriving: Arriving[] }>({ arriving: [] });
let next = 1;

export const arriving = {
  get all(): readonly Arriving[] {
    return state.arriving;
  },
  of: (kind: ReferenceKind): Arriving[] => state.arriving.filter((each) => each.kind === kind),
};

/** Takes files; what is no picture is said. */
export function bringFiles(kind: ReferenceKind, files: Iterable<File>): void {
  for (const file of files) {
    const wrong = unfit(file);
    const preview = wrong ? "" : URL.createObjectURL(file);
    const each = begin(kind, file.name || "Pasted picture", preview, () => sendFile(each, file));
    if (wrong) each.fault = wrong;
    else sendFile(each, file);
  }
}

/** Takes a link, which the service fetches. */
export function bringLink(kind: ReferenceKind, url: string): void {
  const each = begin(kind, url, "", fetchIt);
  fetchIt();

  function fetchIt(): void {
    const asking = new AbortController();
    Object.assign(each, { fault: "", done: null, stop: () => asking.abort() });
    arrive(each, api.post("/api/v1/uploads/fetch", { body: { url }, signal: asking.signal }));
  }
}

/** Why a file cannot be brought; "" where it can. */
export function unfit(file: { type: string; size: number }): string {
  if (!TYPES.includes(file.type)) return "This is no picture that can be read. PNG, JPEG, WebP and GIF can.";
  if (file.size > FILE_MAX_BYTES)
    return `This file has ${size(file.size)}; at most ${size(FILE_MAX_BYTES)} are taken.`;
  return "";
}

/** Gives up on one. */
export function dismiss(each: Arriving): void {
  each.stop();
  if (each.preview) URL.revokeObjectURL(each.preview);
  state.arriving = state.arriving.filter((other) => other.id !== each.id);
}

function begin(kind: ReferenceKind, name: string, preview: string, again: () => void): Arriving {
  state.arriving.push({ id: next++, kind, name, preview, done: 0, fault: "", again, stop: () => {} });
  return state.arriving.at(-1)!;
}

function sendFile(each: Arriving, file: File): void {
  const request = new XMLHttpRequest(); // fetch tells nothing of how far an upload is
  Object.assign(each, { fault: "", done: 0, stop: () => request.abort() });
  const answer = new Promise<Upload>((arrived, failed) => {
    request.upload.onprogress = (event) =>
      (each.done = event.lengthComputable ? event.loaded / event.total : null);
    request.onload = () => {
      const said = read(request.responseText);
      if (request.status === 201 && said) arrived(said as Upload);
      else failed(refusalOf(request.status, said));
    };
    request.onerror = () => failed(away());
    request.onabort = () => failed(new DOMException("Taken back.", "AbortError"));
  });
  const form = new FormData();
  form.append("file", file, file.name || "pasted.png");
  request.open("POST", "/api/v1/uploads");
  request.send(form);
  arrive(each, answer);
}

function arrive(each: Arriving, answer: Promise<Upload>): void {
  answer
    .then((upload) => {
      draft.add(each.kind, upload.reference, upload.url);
      dismiss(each);
    })
    .catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refusal)) throw error;
      each.fault = lineOf(error);
    });
}

/** What an answer says, null where that is not JSON. */
function read(text: string): unknown {
  try {
    return JSON.parse(fromHere(text));
  } catch {
    return null;
  }
}

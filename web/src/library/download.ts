/** Many images as one ZIP: read as it comes, with how far it is, and given to the browser as a file. Works on plain HTTP. */

import { send } from "../api/client";
import { count, size } from "../parts/amounts";
import { say, sayOn, sayRefusal, unsay } from "../shell/toasts.svelte";

/** The most images of one ZIP. */
export const DOWNLOAD_MAX = 1_000;
const LIMIT_MS = 60 * 60_000;
const SAID_EVERY_MS = 500;

/** What to pack: images by their ids, or all of a folder. `bytes` is what they will have about, where that is known. */
export async function download(
  what: readonly string[] | { folder: string; name: string },
  { bytes = 0 }: { bytes?: number } = {},
): Promise<boolean> {
  const folder = "folder" in what ? what : null;
  const ids = folder ? null : [...(what as readonly string[])].slice(0, DOWNLOAD_MAX);
  const words = folder ? folder.name : count(ids!.length, "image");
  const stop = new AbortController();
  const saying = sayProgress(words, bytes, () => stop.abort());
  try {
    const answer = await send(
      "/api/v1/downloads",
      {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(folder ? { folder: folder.folder } : { ids }),
        signal: stop.signal,
      },
      LIMIT_MS,
    );
    const parts = await read(answer, saying.at);
    save(new Blob(parts, { type: "application/zip" }), fileName(answer.headers.get("Content-Disposition")));
    saying.end();
    say(`${words} downloaded.`, { kind: "good" });
    return true;
  } catch (error) {
    saying.end();
    if (stop.signal.aborted) say("The download was stopped.");
    else if (error instanceof TypeError || error instanceof DOMException)
      say("The download broke off.", { kind: "bad", hint: "Nothing was saved. Try it again." });
    else sayRefusal(error);
    return false;
  }
}

/** One file under a name of its own: a link that is pressed and gone. */
export function saveLink(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** The name that the service gave the file. */
export function fileName(disposition: string | null): string {
  const quoted = /filename="([^"]+)"/.exec(disposition ?? "")?.[1];
  return quoted ?? "darkroom.zip";
}

async function read(answer: Response, at: (bytes: number) => void): Promise<BlobPart[]> {
  const parts: BlobPart[] = [];
  const reader = answer.body?.getReader();
  if (!reader) return [await answer.blob()];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return parts;
    parts.push(value);
    bytes += value.byteLength;
    at(bytes);
  }
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  saveLink(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A toast that stays while it goes on, with a way to stop. */
function sayProgress(words: string, bytes: number, stop: () => void) {
  const toast = sayOn(`Packing ${words}…`, { words: "Stop", run: stop });
  let said = 0;
  return {
    at(read: number): void {
      const now = Date.now();
      if (now - said < SAID_EVERY_MS) return;
      said = now;
      toast.hint = bytes > read ? `${size(read)} of about ${size(bytes)}` : size(read);
    },
    end: (): void => unsay(toast.id),
  };
}

/** Actions on images from wherever they are shown: asked for with a key, shown at once, said at the edge. */

import { api } from "../api/client";
import type { ActionIn, ActionOut, Job } from "../api/types";
import { go } from "../shell/router.svelte";
import { say, sayRefusal, toasts, unsay } from "../shell/toasts.svelte";
import { request } from "./outbox.svelte";
import type { Shape } from "./shape";
import { doing, imagesOf } from "./words";

export type Wanted = Omit<ActionIn, "dry_run">;

/** Does something with an image. A refusal is said, then thrown. `quiet` where its card comes up before one's eyes;
`followed` where one is taken to the job's page: a way there is said only to who has left meanwhile. */
export async function act(
  imageId: string,
  body: Wanted,
  {
    shape = { width: 1, height: 1 },
    quiet = false,
    followed = false,
  }: { shape?: Shape; quiet?: boolean; followed?: boolean } = {},
): Promise<Job[]> {
  const from = location.pathname;
  const told = `${doing(body.action)}…`;
  const look = (to: string) => ({ action: { words: "Look", run: () => go(to) } });
  const asked = request(imageId, body, shape, imagesOf(body.action));
  if (!quiet) say(told, followed ? {} : look("/"));
  try {
    const found = await asked;
    const first = found[0];
    if (!quiet && first) {
      retract(told);
      if (!followed || location.pathname !== from) say(told, look(`/jobs/${first.id}`));
    }
    return found;
  } catch (error) {
    retract(told);
    sayRefusal(error);
    throw error;
  }
}

/** What an action would make and cost, and whether it would be refused. Throws `Refusal`. */
export function price(imageId: string, body: Wanted, signal?: AbortSignal): Promise<ActionOut> {
  const path = { image_id: imageId };
  return api.post("/api/v1/images/{image_id}/actions", { path, body: { ...body, dry_run: true }, signal });
}

function retract(text: string): void {
  const said = toasts.findLast((each) => each.text === text);
  if (said) unsay(said.id);
}

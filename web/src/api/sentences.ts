/** A sentence for every code with which the service refuses, and what to do about it. Knows no screen.

Where the service's own sentence is specific (a place in the text, a number, a name), it is shown and ours is what stands in
for a missing one; where it is for engineers, ours is shown instead. tests/house/test_studio_sentences.py keeps this whole. */

import type { Refusal } from "./client";

export interface Sentence {
  text: string;
  hint: string;
}
/** `ours`: instead of the service's sentence; `theirs`: the service's sentence, where it has one. */
type Entry = readonly [whose: "ours" | "theirs", text: string, hint: string];

const NOT_OURS = "Nothing was made or charged. It is worth another try in a moment.";
const OPERATOR = "If it stays so, tell whoever runs Darkroom.";

const SENTENCES = {
  // of the connection and of the studio itself
  offline: ["ours", "Darkroom does not answer.", "What you typed is kept. It is asked again by itself."],
  unreadable_answer: [
    "ours",
    "Darkroom gave an answer that makes no sense.",
    "Load the page again. " + OPERATOR,
  ],
  // of the request as a whole
  malformed_request: [
    "ours",
    "The studio asked in a way that Darkroom does not understand.",
    "Load the page again: it may be older than the service.",
  ],
  method_not_allowed: [
    "ours",
    "The studio asked for something that Darkroom does not do.",
    "Load the page again: it may be older than the service.",
  ],
  unsupported_media_type: [
    "ours",
    "This kind of file is not taken here.",
    "PNG, JPEG, WebP and GIF pictures are.",
  ],
  body_too_large: ["theirs", "That is too large to send.", "A picture may have up to 20 MB."],
  invalid_request: ["theirs", "Something in what was asked is not right.", "Look at it once more."],
  invalid_id: ["theirs", "This is not the name of anything.", "Open it from the library instead."],
  error: ["ours", "Something went wrong in Darkroom.", OPERATOR],
  internal_error: ["theirs", "Something went wrong in Darkroom.", OPERATOR],
  refused: ["theirs", "Darkroom cannot do that.", ""],
  conflict: ["theirs", "That contradicts what is there by now.", "Load the page again to see how it stands."],
  exhausted: ["theirs", "A limit is reached.", "Try again in a while."],
  // who asks, and what they may do
  not_authenticated: ["ours", "You are not logged in any more.", "Log in again: what you typed is kept."],
  login_invalid: [
    "theirs",
    "This login link does not work.",
    "A link works once and for a short time. Ask for a new one.",
  ],
  not_allowed: ["theirs", "This is not for you to do.", "Ask whoever runs Darkroom."],
  scope_missing: [
    "ours",
    "The key that was used may not do this.",
    "Log in with a login link, or make a key that may.",
  ],
  operators_only: ["ours", "Only operators can do this.", "Ask whoever runs Darkroom."],
  owners_only: ["ours", "Only the owner can do this.", "Ask whoever runs Darkroom."],
  own_account: ["theirs", "You cannot do this to your own account.", "Ask another operator."],
  last_owner: [
    "ours",
    "There must be an owner, and this is the last one.",
    "Make somebody else an owner first.",
  ],
  cross_site: [
    "ours",
    "This request came from another site, so it was not carried out.",
    "Open the studio at its own address and try there.",
  ],
  account_blocked: [
    "theirs",
    "This account is blocked.",
    "Ask whoever runs Darkroom. Your images stay, and you can look at them.",
  ],
  // plans and quotas
  plan_required: ["theirs", "Your plan does not have this.", "Account shows what your plan has."],
  plan_not_found: ["theirs", "There is no such plan.", "Choose one of the list."],
  lane_not_in_plan: [
    "theirs",
    "Your plan does not have this lane.",
    "Choose another lane beside the prompt.",
  ],
  fast_time_exhausted: [
    "theirs",
    "The fast time of this month is used up.",
    "Relax goes on without it: choose it beside the prompt.",
  ],
  queue_full: [
    "theirs",
    "You have as many jobs waiting as your plan allows.",
    "Wait until some are drawn, or cancel some.",
  ],
  batch_not_in_relax: [
    "theirs",
    "Several jobs at once are not for the relax lane.",
    "Choose fast or turbo, or submit them one by one.",
  ],
  rate_limited: ["theirs", "That was a lot in a short time.", "Wait a moment, then go on."],
  too_many_uploads: [
    "theirs",
    "You have as many uploads as an account can.",
    "Delete some that you do not need.",
  ],
  too_many_folders: [
    "theirs",
    "You have as many folders as an account can.",
    "Delete one that you do not need.",
  ],
  too_many_searches: [
    "theirs",
    "You have as many saved searches as an account can.",
    "Delete one that you do not need.",
  ],
  too_many_downloads: [
    "theirs",
    "You are downloading as much at once as is possible.",
    "Wait until a download has ended.",
  ],
  too_many_streams: [
    "theirs",
    "This account follows its news in too many places.",
    "Close some of the other windows.",
  ],
  too_many_keys: ["theirs", "You have as many keys as an account can.", "Revoke one that you do not use."],
  too_many_appeals: [
    "theirs",
    "You have as many open appeals as an account can.",
    "Wait for one to be decided.",
  ],
  folder_full: ["theirs", "This folder is full.", "Make another one."],
  // the prompt
  empty_prompt: ["theirs", "There is nothing to draw yet.", "Say what you want to see."],
  invalid_parameter: [
    "theirs",
    "A parameter is not right.",
    "The settings beside the prompt show what there is.",
  ],
  parameter_conflict: ["theirs", "Two parameters contradict each other.", "Remove one of them."],
  invalid_link: ["theirs", "A link in the prompt is not right.", "Links begin with https://"],
  unsupported_by_model: ["theirs", "This model cannot do that.", "Choose another model, or leave it away."],
  prompt_blocked: [
    "theirs",
    "The content policy does not allow this prompt.",
    "Say it in other words. If we are wrong, Account lets you appeal.",
  ],
  image_prompt_blocked: [
    "theirs",
    "The content policy does not allow this picture.",
    "Choose another one. If we are wrong, Account lets you appeal.",
  ],
  // pictures that are brought along
  picture_invalid: ["theirs", "This is no picture that can be read.", "PNG, JPEG, WebP and GIF are."],
  no_picture: ["theirs", "There is no picture in it.", "Choose another file."],
  mask_invalid: ["theirs", "This mask does not fit.", "Draw it anew on the picture as it is now."],
  too_large: ["theirs", "That is too large.", "Make it smaller."],
  link_refused: ["theirs", "This link is not fetched.", "Save the picture and drop the file here instead."],
  link_failed: [
    "theirs",
    "This link could not be fetched.",
    "Save the picture and drop the file here instead.",
  ],
  link_invalid: ["ours", "The link to this file is not valid.", "Load the page again to get a new one."],
  link_expired: ["ours", "The link to this file has run out.", "Load the page again to get a new one."],
  media_type_mismatch: [
    "ours",
    "The file is not of the kind that was announced.",
    "Try again with another file.",
  ],
  media_type_invalid: ["ours", "The file is of an unknown kind.", "Try again with another file."],
  filename_invalid: ["ours", "The file's name cannot be used.", "Give it another name."],
  key_invalid: ["ours", "There is no such file.", "Load the page again."],
  range_invalid: ["ours", "This part of the file does not exist.", "Load it again from its beginning."],
  // images and what is done with them
  not_found: ["theirs", "This is not here, or not yours.", "It may have been deleted."],
  image_deleted: ["ours", "This image was deleted for good.", "Its place in the lineage is all that stays."],
  image_trashed: ["ours", "This image is in the trash.", "Restore it first."],
  image_is_upload: [
    "theirs",
    "This is a picture that you brought along, not one that was drawn.",
    "Use it in a prompt instead.",
  ],
  image_without_pixels: ["ours", "The pixels of this image are gone.", "Choose another image."],
  is_a_grid: ["ours", "This is the grid of all four.", "Choose one of its images."],
  already_square: ["ours", "This image is square already.", "Zoom out gives more on all sides."],
  already_hd: ["ours", "This image has the large size already.", "Upscale makes it larger still."],
  not_a_draft: ["ours", "This image is no draft: it has all of its steps.", "Vary or upscale it instead."],
  action_not_for_this: ["theirs", "This cannot be done with this image.", "Its other actions can."],
  inputs_gone: [
    "theirs",
    "Pictures that this needs are deleted.",
    "Use the prompt anew with other pictures.",
  ],
  guides_gone: [
    "theirs",
    "Pictures that guided this are deleted.",
    "Use the prompt anew with other pictures.",
  ],
  not_a_replay: ["ours", "This job is no replay, so there is nothing to compare.", ""],
  nothing_to_download: [
    "ours",
    "None of these images can be downloaded.",
    "They may be in the trash. Restore them first.",
  ],
  idempotency_conflict: ["ours", "This was sent before with other content.", "Send it once more."],
  name_taken: ["theirs", "This name is taken.", "Choose another one."],
  already_resolved: ["theirs", "Somebody has decided this already.", "Load the page again to see how."],
  already_appealed: ["ours", "You have appealed against this already.", "The decision will be shown here."],
  // where the service cannot just now
  overloaded: ["ours", "Darkroom has more to do right now than it can take in.", NOT_OURS],
  moderation_unavailable: [
    "ours",
    "The content check is not working right now, so nothing is taken in.",
    NOT_OURS,
  ],
  store_unavailable: ["ours", "Darkroom cannot reach its storage right now.", NOT_OURS],
  unavailable: ["ours", "A part of Darkroom cannot answer right now.", NOT_OURS],
  not_active: ["ours", "Darkroom is just starting, or another machine has taken over.", NOT_OURS],
  // what becomes of jobs
  cancelled: ["ours", "Cancelled.", "Its prompt is here, should you want it after all."],
  job_rejected: [
    "ours",
    "The pictures were not fit to be shown, so nothing was charged.",
    "Say it in other words.",
  ],
  output_blocked: [
    "ours",
    "The pictures were not fit to be shown, so nothing was charged.",
    "Say it in other words. If we are wrong, Account lets you appeal.",
  ],
  job_failed: [
    "ours",
    "It could not be drawn: it was tried on more than one machine.",
    "Nothing was charged. Change the prompt a little, and try again.",
  ],
  job_cancelled: ["ours", "Cancelled.", "Its prompt is here, should you want it after all."],
  worker_failed: [
    "ours",
    "The machines that tried to draw it had faults.",
    "Nothing was charged. It is worth another try.",
  ],
  worker_lost: [
    "ours",
    "The machines that tried to draw it were lost, one after the other.",
    "Nothing was charged. It is worth another try.",
  ],
  model_failed: [
    "ours",
    "The model cannot do what was asked of it.",
    "Nothing was charged. Change the prompt a little, and try again.",
  ],
  weights_invalid: ["ours", "The model's files are damaged, so it cannot draw.", OPERATOR],
  registry_invalid: ["ours", "The list of models cannot be read.", OPERATOR],
  output_failed: ["ours", "The pictures could not be written.", "Nothing was charged. " + OPERATOR],
  // of workers, which operators see
  stale_claim: ["ours", "This worker has lost the job meanwhile.", "It is drawn elsewhere."],
  unknown_worker: ["ours", "There is no such worker any more.", "Load the page again to see who is there."],
} as const satisfies Record<string, Entry>;

const TABLE: Readonly<Record<string, Entry>> = SENTENCES;

/** Our own sentence for a code, whatever the service said. */
export function sentenceFor(code: string): Sentence | undefined {
  const entry = Object.hasOwn(TABLE, code) ? TABLE[code] : undefined;
  return entry && { text: entry[1], hint: entry[2] };
}

/** What is shown of a refusal: a sentence, and what to do. */
export function sentenceOf(error: Pick<Refusal, "code" | "message" | "hint" | "retryAfterS">): Sentence {
  const entry = Object.hasOwn(TABLE, error.code) ? TABLE[error.code] : undefined;
  if (!entry) return { text: error.message, hint: error.hint };
  const [whose, text, hint] = entry;
  if (whose === "ours") return { text, hint: withWait(hint, error.retryAfterS) };
  return { text: error.message || text, hint: withWait(error.hint || hint, error.retryAfterS) };
}

/** The same in one line, for where a fault stands by its field: nothing there is asked again by itself. */
export function lineOf(error: Pick<Refusal, "code" | "message" | "hint" | "retryAfterS">): string {
  const { text, hint } = sentenceOf(error);
  if (error.code === "offline") return `${text} Try it again in a moment.`;
  return [text, hint].filter(Boolean).join(" ");
}

const WAIT_SAID_MIN_S = 5; // below, trying again at once is just as good

function withWait(hint: string, seconds: number | null): string {
  if (seconds === null || seconds < WAIT_SAID_MIN_S || /\d+ ?(s|min|h)\b/.test(hint)) return hint;
  const after = seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
  return `${hint} Possible again in about ${after}.`.trim();
}

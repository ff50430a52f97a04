/** Every request of the studio: typed by the service's own description, refusals as `Refusal`. Knows no screen. */

import { fromHere } from "./links";
import type { paths } from "./schema";

type Method = "get" | "post" | "patch" | "delete";
type Routes<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P][M];
type JsonOf<R> = R extends { content: { "application/json": infer Body } } ? Body : never;
type Success<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 ? JsonOf<R[S]> : never }[keyof R]
  : never;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Q : never;
type Path<O> = O extends { parameters: { path: infer P } } ? P : never;
type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;

export interface Asked<O> {
  path?: Path<O>;
  query?: Query<O>;
  body?: Body<O>;
  /** The same key with the same body makes nothing twice. */
  key?: string;
  signal?: AbortSignal;
  /** How long the service may take. */
  limitMs?: number;
}

/** A refusal of the service, or that it could not be reached (`offline`). `message` is a sentence for people. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string = "",
    readonly field: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = "Refusal";
  }
}

const REQUEST_LIMIT_MS = 30_000;

/** Told of every answer: whether the service was reached, and whether it knew who asks. */
export const watch: { reached: (reached: boolean) => void; unknown: () => void } = {
  reached: () => {},
  unknown: () => {},
};

export const api = {
  get: <P extends Routes<"get">>(path: P, asked?: Asked<Operation<P, "get">>) => ask("get", path, asked),
  post: <P extends Routes<"post">>(path: P, asked?: Asked<Operation<P, "post">>) => ask("post", path, asked),
  patch: <P extends Routes<"patch">>(path: P, asked?: Asked<Operation<P, "patch">>) =>
    ask("patch", path, asked),
  delete: <P extends Routes<"delete">>(path: P, asked?: Asked<Operation<P, "delete">>) =>
    ask("delete", path, asked),
};

async function ask<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  asked: Asked<Operation<P, M>> = {},
): Promise<Success<Operation<P, M>>> {
  const headers: Record<string, string> = {};
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  if (asked.key) headers["Idempotency-Key"] = asked.key;
  const init: RequestInit = {
    method: method.toUpperCase(),
    headers,
    body: asked.body === undefined ? undefined : JSON.stringify(asked.body),
    signal: asked.signal,
  };
  const answer = await send(address(path as string, asked.path, asked.query), init, asked.limitMs);
  if (answer.status === 204) return undefined as Success<Operation<P, M>>;
  return (await read(answer, asked.signal)) as Success<Operation<P, M>>;
}

/** What an answer says. Its end may never come, and what stands between may have put a page in its place. */
async function read(answer: Response, signal?: AbortSignal): Promise<unknown> {
  let text: string;
  try {
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw away();
  }
  try {
    return JSON.parse(fromHere(text));
  } catch {
    throw refusalOf(answer.status, null);
  }
}

/** Nothing answers; the shell says so. */
export function away(): Refusal {
  watch.reached(false);
  const hint = "What you typed is kept. It is asked again.";
  return new Refusal(0, "offline", "The service does not answer.", hint);
}

/** The answer of the service; throws `Refusal`, also where nothing answers. An abort throws what the platform throws. */
export async function send(url: string, init: RequestInit, limitMs = REQUEST_LIMIT_MS): Promise<Response> {
  let answer: Response;
  try {
    const limit = AbortSignal.timeout(limitMs);
    const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
    answer = await fetch(url, { credentials: "same-origin", ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw away();
  }
  if (answer.ok) {
    watch.reached(true);
    return answer;
  }
  const after = Number(answer.headers.get("Retry-After") ?? "") || null;
  throw refusalOf(answer.status, await answer.json().catch(() => null), after);
}

const FROM_BETWEEN = new Set([502, 503, 504]);

/** The refusal that an answer is. One without our envelope that says "not now" is from what stands before the service. */
export function refusalOf(status: number, said: unknown, after: number | null = null): Refusal {
  const error = (said as { error?: Record<string, unknown> } | null)?.error;
  if (!error && FROM_BETWEEN.has(status)) return away();
  watch.reached(true);
  if (status === 401) watch.unknown();
  return new Refusal(
    status,
    typeof error?.["code"] === "string" ? error["code"] : "unreadable_answer",
    typeof error?.["message"] === "string"
      ? error["message"]
      : `The service answered with ${status} and no reason.`,
    typeof error?.["hint"] === "string" ? error["hint"] : "",
    typeof error?.["field"] === "string" ? error["field"] : null,
    after,
  );
}

function address(path: string, names: unknown, query: unknown): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String((names as Record<string, unknown>)[name])),
  );
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries((query as Record<string, unknown>) ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") words.append(name, String(each));
    }
  }
  return words.size ? `${filled}?${words}` : filled;
}

/** A key for `Idempotency-Key`: 128 random bits. `crypto.randomUUID` is missing on plain-HTTP addresses of a LAN. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

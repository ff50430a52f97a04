/** What stands between studio and service may answer in its place, and an answer may break off. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, watch } from "./client";

let answer: () => Response;
let reached: boolean[];

beforeEach(() => {
  reached = [];
  watch.reached = (is) => reached.push(is);
  vi.stubGlobal("fetch", () => Promise.resolve(answer()));
});
afterEach(() => vi.unstubAllGlobals());

const asked = () => api.get("/api/v1/account");

test("a gateway's own error page means that the service is away", async () => {
  answer = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await expect(asked()).rejects.toMatchObject({ code: "offline", status: 0 });
  expect(reached).toEqual([false]);
});

test("a refusal of the service itself means that it is there", async () => {
  answer = () => Response.json({ error: { code: "overloaded", message: "No." } }, { status: 503 });
  await expect(asked()).rejects.toMatchObject({ code: "overloaded", status: 503 });
  expect(reached).toEqual([true]);
});

test("a page in place of an answer is a refusal with a sentence", async () => {
  answer = () => new Response("<h1>Log in to the network</h1>");
  await expect(asked()).rejects.toMatchObject({ name: "Refusal", code: "unreadable_answer" });
});

test("an answer that breaks off means that the service is away", async () => {
  answer = () => {
    const body = new ReadableStream({ pull: (stream) => stream.error(new TypeError("network error")) });
    return new Response(body);
  };
  await expect(asked()).rejects.toMatchObject({ code: "offline" });
  expect(reached.at(-1)).toBe(false);
});

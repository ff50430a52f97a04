import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { act, price } from "./act";
import { toasts } from "../shell/toasts.svelte";
import { aJob } from "./sample";

let sent: { body: { dry_run: boolean; action: string } }[];
let status: number;
let answer: object;

beforeEach(() => {
  sent = [];
  status = 202;
  answer = { jobs: [aJob({ id: "j9", action: "vary_subtle" })] };
  toasts.length = 0;
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    if (init.method === "POST") sent.push({ body: JSON.parse(init.body as string) });
    return Response.json(init.method === "POST" ? answer : { id: "a" }, { status });
  });
});
afterEach(() => void vi.unstubAllGlobals());

it("says what it does, and leads to the job once there is one", async () => {
  const asked = act("i1", { action: "vary_subtle" });
  expect(toasts.map((each) => each.text)).toEqual(["Varying a little…"]);
  await asked;
  expect(toasts).toHaveLength(1);
  await toasts[0]!.action!.run();
  expect(location.pathname).toBe("/jobs/j9");
});

it("is quiet where its card comes up before one's eyes", async () => {
  await act("i1", { action: "vary_subtle" }, { quiet: true });
  expect(toasts).toEqual([]);
});

it("shows no way to the job to who is taken there, only to who has left meanwhile", async () => {
  const follow = (): Promise<unknown> => act("i1", { action: "pan" }, { followed: true });
  const asked = follow();
  expect(toasts.map((each) => each.action)).toEqual([null]);
  await asked;
  expect(toasts).toEqual([]);
  const other = follow();
  history.pushState(null, "", "/elsewhere");
  await other;
  expect(toasts[0]!.action!.words).toBe("Look");
});

it("says a refusal in the place of what it said before, and throws it", async () => {
  status = 422;
  answer = { error: { code: "already_hd", message: "technical" } };
  await expect(act("i1", { action: "hd" })).rejects.toMatchObject({ code: "already_hd" });
  expect(toasts.map((each) => each.text)).toEqual(["This image has the large size already."]);
});

it("asks for a price without making anything", async () => {
  answer = { cost_gpu_ms: 7 };
  await expect(price("i1", { action: "hd" })).resolves.toMatchObject({ cost_gpu_ms: 7 });
  expect(sent.map((each) => each.body.dry_run)).toEqual([true]);
});

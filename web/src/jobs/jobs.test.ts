import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Job } from "../api/types";
import type { Told } from "../live/told";
import { aJob, anImage } from "./sample";

let told: (told: Told) => void;
vi.mock("../live/ways", () => ({
  follow: (_account: string, hear: (told: Told) => void) => {
    told = hear;
    return { retry: () => {}, end: () => {} };
  },
}));

let rows: Map<string, Job>;
let asked: string[];
let jobs: (typeof import("./jobs.svelte"))["jobs"];
let end: () => void;

/** A service with some jobs, newest first, two on a page. */
async function service(url: string): Promise<Response> {
  const at = new URL(url, "http://studio");
  asked.push(at.pathname + at.search);
  const id = at.pathname.split("/")[4];
  if (id) {
    const job = rows.get(id);
    return job
      ? Response.json(job)
      : Response.json({ error: { code: "not_found", message: "No." } }, { status: 404 });
  }
  if (at.pathname !== "/api/v1/jobs") return Response.json({ id: "a" });
  const all = [...rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  const states = at.searchParams.getAll("state");
  const cursor = at.searchParams.get("cursor");
  const found = all.filter(
    (job) => (!states.length || states.includes(job.state)) && (!cursor || job.id < cursor),
  );
  const page = found.slice(0, Math.min(2, Number(at.searchParams.get("limit"))));
  return Response.json({ jobs: page, next_cursor: found.length > page.length ? page.at(-1)!.id : null });
}

function news(
  name: "job" | "progress" | "preview" | "snapshot",
  data: object,
  id: number | null = null,
): void {
  told({ kind: "news", name, data, id });
}
const move = (id: number, changes: object): void =>
  news(
    "job",
    { job_id: "j1", state: "running", cause: "claimed", at: "2026-11-22T03:00:01Z", ...changes },
    id,
  );
const settled = () => vi.advanceTimersByTimeAsync(50);

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  rows = new Map();
  asked = [];
  vi.stubGlobal("fetch", service);
  ({ jobs } = await import("./jobs.svelte"));
  const { startNews } = await import("../live/news.svelte");
  end = startNews();
});
afterEach(() => {
  end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const row = (changes: Partial<Job> = {}): Job => {
  const job = aJob(changes);
  rows.set(job.id, job);
  return job;
};

describe("jobs", () => {
  it("moves a job by its news, and asks for what its end leaves behind", async () => {
    jobs.add([row({ state: "ready", position: 2 })]);
    move(1, { state: "running" });
    news("progress", { job_id: "j1", done: 4, total: 8 });
    news("preview", { job_id: "j1", url: "/look.webp" });
    expect(jobs.get("j1")).toMatchObject({ done: 4, total: 8, preview: "/look.webp" });
    expect(jobs.get("j1")!.job).toMatchObject({ state: "running", position: null });
    expect(asked).toEqual([]);
    row({ state: "completed", images: [anImage()] });
    move(2, { state: "completed", cause: "published" });
    await settled();
    expect(jobs.get("j1")!.job.images).toHaveLength(1);
  });

  it("shows a lost machine as a delay until the job is drawn again", () => {
    jobs.add([row({ state: "running", attempt: 1 })]);
    news("progress", { job_id: "j1", done: 4, total: 8 });
    move(3, { was: "running", state: "ready", cause: "worker_lost" });
    expect(jobs.get("j1")).toMatchObject({ setback: "worker_lost", job: { state: "ready", error: null } });
    move(4, { state: "running" });
    expect(jobs.get("j1")).toMatchObject({ setback: null, done: 0 });
  });

  it("learns from the history why a job waits again that it did not see being drawn", async () => {
    const latest = {
      id: 5,
      job_id: "j1",
      batch_id: "b1",
      was: "running",
      detail: "",
      at: "2026-11-22T03:00:01Z",
    };
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return Response.json({ history: [{ ...latest, state: "ready", cause: "worker_lost" }] });
    });
    jobs.add([aJob({ state: "ready", attempt: 1 })]);
    jobs.add([aJob({ state: "ready", attempt: 1 })]);
    await settled();
    expect(asked).toEqual(["/api/v1/jobs/j1/history"]);
    expect(jobs.get("j1")!.setback).toBe("worker_lost");
  });

  it("hears no transition twice, and none that is older than what it knows", () => {
    jobs.add([row()]);
    move(7, { state: "running" });
    move(6, { state: "ready", cause: "slot_free" });
    expect(jobs.get("j1")!.job.state).toBe("running");
  });

  it("does not let an answer that is older than the news undo them", async () => {
    jobs.add([row({ state: "ready" })]);
    let answer = (_: Response): void => {};
    vi.stubGlobal("fetch", (url: string) =>
      asked.push(url) === 1 ? new Promise<Response>((done) => (answer = done)) : service(url),
    );
    const refreshed = jobs.refresh("j1");
    move(9, { state: "running" });
    answer(Response.json(aJob({ state: "ready" })));
    row({ state: "running" });
    await refreshed;
    expect(jobs.get("j1")!.job.state).toBe("running");
    expect(asked.length).toBeGreaterThan(1);
  });

  it("reads back page by page, and shows nothing that lies beyond a gap", async () => {
    for (const id of ["j1", "j2", "j3", "j4", "j5"]) row({ id, state: "completed" });
    await jobs.refresh("j1"); // somebody opened an old one by its link
    await jobs.load();
    expect(jobs.feed.map((each) => each.job.id)).toEqual(["j5", "j4"]);
    await jobs.more();
    await jobs.more();
    expect(jobs.feed.map((each) => each.job.id)).toEqual(["j5", "j4", "j3", "j2", "j1"]);
    expect(jobs.hasMore).toBe(false);
  });

  it("begins the list anew where more was missed than a page holds", async () => {
    row({ id: "j1", state: "completed" });
    await jobs.load();
    for (const id of ["j2", "j3", "j4", "j5"]) row({ id, state: "completed" });
    told({ kind: "missed" });
    await settled();
    expect(jobs.feed.map((each) => each.job.id)).toEqual(["j5", "j4"]);
    await jobs.more();
    expect(jobs.feed.map((each) => each.job.id)).toEqual(["j5", "j4", "j3", "j2"]);
  });

  it("finds out about jobs of other tabs, many of them in one request", async () => {
    row({ id: "j7", state: "ready" });
    move(1, { job_id: "j7", state: "ready", cause: "submitted" });
    await settled();
    expect(jobs.get("j7")!.job.state).toBe("ready");
    asked = [];
    for (let at = 0; at < 9; at += 1) move(10 + at, { job_id: `k${at}`, state: "ready", cause: "submitted" });
    await settled();
    expect(asked).toEqual(["/api/v1/jobs?limit=100"]);
  });

  it("asks for what a snapshot does not have any more", async () => {
    jobs.add([row({ state: "running" })]);
    row({ state: "completed" });
    await jobs.load();
    jobs.add([aJob({ state: "running" })]);
    news("snapshot", { jobs: [] }, 3);
    await settled();
    expect(jobs.get("j1")!.job.state).toBe("completed");
  });

  it("is up to date again when the service comes back", async () => {
    jobs.add([row({ state: "running" })]);
    await jobs.load();
    told({ kind: "state", state: "away" });
    row({ state: "completed" });
    row({ id: "j2", state: "ready" });
    told({ kind: "state", state: "live" });
    await settled();
    expect(jobs.feed.map((each) => [each.job.id, each.job.state])).toEqual([
      ["j2", "ready"],
      ["j1", "completed"],
    ]);
  });

  it("asks for places while something waits and the tab is in sight, and not a moment longer", async () => {
    const { keepCurrent } = await import("./jobs.svelte");
    await jobs.load();
    const stop = keepCurrent();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked.filter((url) => url.includes("state="))).toEqual([]);
    jobs.add([row({ state: "ready", position: 5 })]);
    rows.set("j1", aJob({ position: 4, wait_s: 8 }));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(jobs.get("j1")!.job.position).toBe(4);
    stop();
    asked = [];
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toEqual([]);
  });

  it("takes images out that went into the trash, and back", async () => {
    jobs.add([row({ state: "completed", images: [anImage(), anImage({ id: "i2", index: 2 })] })]);
    jobs.lose(["i2"]);
    expect(jobs.get("j1")!.job.images.map((each) => each.id)).toEqual(["i1"]);
    jobs.regain(["i2"]);
    await settled();
    expect(jobs.get("j1")!.job.images).toHaveLength(2);
  });
});

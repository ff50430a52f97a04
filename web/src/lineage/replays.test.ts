import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { api, Refusal } from "../api/client";
import type { Job } from "../api/types";
import { jobs } from "../jobs/jobs.svelte";

const act = vi.hoisted(() => vi.fn());
vi.mock("../jobs/act", () => ({ act }));
const { replay, replays } = await import("./replays.svelte");

const job = (id: string, state: Job["state"], extra: Partial<Job> = {}): Job =>
  ({
    id,
    state,
    images: [],
    recipe: { inputs: [] },
    progress: null,
    error: null,
    ...extra,
  }) as unknown as Job;
const shape = { width: 1, height: 1 };

beforeEach(() => {
  vi.useFakeTimers();
  act.mockReset();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("a replay says whether it came out the same, once its job has ended", async () => {
  const running = job("r1", "running");
  act.mockResolvedValue([running]);
  jobs.add([running]);
  vi.spyOn(api, "get").mockImplementation((async (path: string) =>
    path.endsWith("/replay")
      ? { same: false, images: [], notes: ["Other weights."] }
      : job("r1", "completed")) as unknown as typeof api.get);
  await replay("i1", shape);
  expect(replays.of("i1")).toMatchObject({ state: "drawing", jobId: "r1" });
  expect(await replay("i1", shape)).toBeNull(); // one at a time
  await vi.advanceTimersByTimeAsync(6_000);
  expect(replays.of("i1")).toMatchObject({
    state: "other",
    words: "The replay came out differently. Other weights.",
  });
});

it("a replay that is refused leaves no trace", async () => {
  act.mockRejectedValue(new Refusal(422, "inputs_gone", "The picture that it began with is deleted."));
  expect(await replay("i2", shape)).toBeNull();
  expect(replays.of("i2")).toBeNull();
});

it("a replay whose job failed says so", async () => {
  const failed = job("r3", "failed", {
    error: { code: "worker_failed", message: "It broke." } as Job["error"],
  });
  act.mockResolvedValue([failed]);
  jobs.add([failed]);
  await replay("i3", shape);
  await vi.advanceTimersByTimeAsync(0);
  expect(replays.of("i3")?.state).toBe("failed");
});

it("a replay that was taken back before it was sent leaves no trace", async () => {
  act.mockRejectedValue(new DOMException("Taken back.", "AbortError"));
  expect(await replay("i4", shape)).toBeNull();
  expect(replays.of("i4")).toBeNull();
});

it("a replay whose job is gone is not asked for without end", async () => {
  const running = job("r5", "running");
  act.mockResolvedValue([running]);
  jobs.add([running]);
  const get = vi.spyOn(api, "get").mockRejectedValue(new Refusal(404, "not_found", "Gone."));
  await replay("i5", shape);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(get).toHaveBeenCalledOnce();
  expect(replays.of("i5")).toBeNull();
});

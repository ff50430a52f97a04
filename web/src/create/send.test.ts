import { beforeEach, describe, expect, it, vi } from "vitest";
import { Refusal } from "../api/client";
import { draft } from "./draft.svelte";
import { PARAMETERS } from "./parameters.sample";
import { languageOf } from "./parameters";
import { send, sending, settingsOf } from "./send.svelte";

const outbox = vi.hoisted(() => ({ submit: vi.fn(), outbox: { sendings: [] as unknown[] } }));
vi.mock("../jobs/outbox.svelte", () => outbox);

const language = languageOf([], PARAMETERS);

beforeEach(() => {
  outbox.submit.mockReset().mockResolvedValue([]);
  outbox.outbox.sendings = [];
  sending.keeps = true;
  draft.restore("a fox --ar 3:2 --seed 7", []);
});

describe("send", () => {
  it("keeps the settings for the next prompt, once the service has taken this one", async () => {
    let take: (jobs: unknown[]) => void = () => {};
    outbox.submit.mockReturnValue(new Promise((done) => (take = done)));
    const sent = send();
    expect(draft.text, "before it is taken").toBe("a fox --ar 3:2 --seed 7");
    expect(sending.on).toBe(true);
    take([]);
    expect(await sent).toBe(true);
    expect(draft.text).toBe(" --ar 3:2");
    expect(outbox.submit).toHaveBeenCalledWith("a fox --ar 3:2 --seed 7", { jobs: 1 });
  });

  it("never carries a picture on to the next prompt", async () => {
    draft.add("style", "upload:a", "");
    await send();
    expect([draft.text, draft.references.length]).toEqual([" --ar 3:2", 0]);
  });

  it("clears all where nothing is to be kept", async () => {
    sending.keeps = false;
    draft.add("style", "upload:a", "");
    await send();
    expect([draft.text, draft.references.length]).toEqual(["", 0]);
    expect(outbox.submit.mock.calls[0]![0]).toBe("a fox --ar 3:2 --seed 7 --sref upload:a");
  });

  it("leaves what was refused, and says why until something is typed", async () => {
    outbox.submit.mockRejectedValue(new Refusal(429, "queue_full", "Your queue is full."));
    expect(await send()).toBe(false);
    expect(draft.text).toBe("a fox --ar 3:2 --seed 7");
    expect(sending.refused?.code).toBe("queue_full");
    sending.forget();
    expect(sending.refused).toBeNull();
  });

  it("does not touch what was typed meanwhile", async () => {
    const sent = send();
    draft.text = "a bear";
    await sent;
    expect(draft.text).toBe("a bear");
  });

  it("sends nothing twice, and nothing that says nothing", async () => {
    await Promise.all([send(), send()]);
    expect(outbox.submit).toHaveBeenCalledTimes(1);
    draft.restore(" --ar 3:2", []);
    expect(await send()).toBe(false);
    expect(sending.tried).toBe(true);
    draft.restore("a fox", []);
    outbox.outbox.sendings = [{ state: "away", wish: { kind: "prompt", prompt: "a fox" } }];
    expect(await send()).toBe(false);
    expect(outbox.submit).toHaveBeenCalledTimes(1);
  });
});

describe("settingsOf", () => {
  it("leaves out the words and what was asked for once", () => {
    expect(settingsOf("a fox --ar 3:2 --repeat 4 --no red\n hats --seed 5 --tile", language)).toBe(
      " --ar 3:2 --no red hats --tile",
    );
    expect(settingsOf("a {fox --ar 1:1, bear} --s {1, 2}", language)).toBe("");
  });
});

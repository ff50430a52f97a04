import { describe, expect, it, vi } from "vitest";
import { Refusal } from "../api/client";
import type { ActionOut } from "../api/types";
import { inWords, Prices } from "./prices.svelte";

const answer = {
  cost_gpu_ms: 1950,
  width: 384,
  height: 160,
  images: 4,
  notes: ["A note."],
} as unknown as ActionOut;

describe("Prices", () => {
  it("asks once for the same deed", async () => {
    const ask = vi.fn(async () => answer);
    const prices = new Prices("i", ask);
    await Promise.all([prices.look({ action: "reroll" }), prices.look({ action: "reroll" })]);
    expect(ask).toHaveBeenCalledExactlyOnceWith("i", { action: "reroll" });
    expect(inWords(prices.of({ action: "reroll" }))).toBe(
      "1.9 s of GPU time at most, 4 pictures of 384 × 160. A note.",
    );
  });

  it("says why something cannot be done", async () => {
    const prices = new Prices("i", async () => {
      throw new Refusal(422, "action_not_for_this", "Only a draft can be enhanced.", "Use hd.");
    });
    await prices.look({ action: "enhance" });
    expect(prices.of({ action: "enhance" })).toMatchObject({ kind: "unable" });
    expect(inWords(prices.of({ action: "enhance" }))).toBe("Only a draft can be enhanced. Use hd.");
  });

  it("does not ask what is known to be impossible", async () => {
    const ask = vi.fn(async () => answer);
    const prices = new Prices("i", ask, () => ({ why: "No.", hint: "Yes." }));
    await prices.look({ action: "hd" });
    expect(inWords(prices.of({ action: "hd" }))).toBe("No. Yes.");
    expect(ask).not.toHaveBeenCalled();
  });

  it("forgets what passes by itself, so that it is asked again", async () => {
    const ask = vi.fn(async (): Promise<ActionOut> => {
      throw new Refusal(0, "offline", "", "");
    });
    const prices = new Prices("i", ask);
    await prices.look({ action: "hd" });
    expect(prices.of({ action: "hd" })).toBeNull();
    await prices.look({ action: "hd" });
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("stops when nobody looks any more", async () => {
    const ask = vi.fn(async () => answer);
    const prices = new Prices("i", ask);
    await prices.lookAtAll([{ action: "hd" }, { action: "reroll" }], () => ask.mock.calls.length < 1);
    expect(ask).toHaveBeenCalledOnce();
  });
});

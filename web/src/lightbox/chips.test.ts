import { describe, expect, it } from "vitest";
import { certainty, toldOf, unseeded } from "./chips";

describe("toldOf", () => {
  it("takes words and parameters apart", () => {
    expect(toldOf("a red-haired fox -- at dawn --ar 3:2 --no cats, dogs --tile --seed 7")).toEqual({
      words: "a red-haired fox -- at dawn",
      parameters: ["--ar 3:2", "--no cats, dogs", "--tile", "--seed 7"],
    });
  });
  it("takes a prompt of parameters alone", () => {
    expect(toldOf("--ar 1:2 --seed 7")).toEqual({ words: "", parameters: ["--ar 1:2", "--seed 7"] });
  });
});

it("unseeded leaves the seed away and nothing else", () => {
  expect(unseeded("a fox --seed 12 --ar 3:2")).toBe("a fox --ar 3:2");
});

it("certainty is read at every size", () => {
  expect([0, 0.00001, 0.000537, 0.0432, 0.973].map(certainty)).toEqual([
    "0.00 %",
    "under 0.01 %",
    "0.05 %",
    "4.3 %",
    "97 %",
  ]);
});

import { expect, it } from "vitest";
import { certainty } from "./figures";

it("certainty is read at every size", () => {
  expect([0, 0.00001, 0.000537, 0.0432, 0.973].map(certainty)).toEqual([
    "0.00 %",
    "under 0.01 %",
    "0.05 %",
    "4.3 %",
    "97 %",
  ]);
});

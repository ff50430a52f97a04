import { expect, test } from "vitest";
import { grantOf } from "./grants";

test.each([
  ["30 min", 1_800_000],
  ["2h", 7_200_000],
  ["2,5 h", 9_000_000],
  [" 1 h 30 mins ", 5_400_000],
  ["90 s", 90_000],
  ["1000 hours", 3_600_000_000],
])("%s is an amount", (text, ms) => {
  expect(grantOf(text)).toEqual({ ms });
});

test.each(["", "30", "two hours", "30 parsecs", "0 h", "1001 h", "-5 min", "h 5"])("%j is none", (text) => {
  expect(grantOf(text)).toHaveProperty("fault");
});

import { expect, test } from "vitest";
import { reachable } from "./links";

test("a link is opened where the studio was", () => {
  expect(reachable("http://127.0.0.1:8642/login?token=a%2Bb", "http://studio.example:9000")).toBe(
    "http://studio.example:9000/login?token=a%2Bb",
  );
  expect(reachable("/login?token=x", "https://a.example")).toBe("https://a.example/login?token=x");
});

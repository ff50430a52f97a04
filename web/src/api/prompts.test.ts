import { expect, test } from "vitest";
import { toldOf, unseeded, wordsOf } from "./prompts";

test("a prompt is words and parameters, each as it stands", () => {
  expect(toldOf("a fox -- in the snow --ar 3:2 --no red, blue --tile")).toEqual({
    words: "a fox -- in the snow",
    parameters: ["--ar 3:2", "--no red, blue", "--tile"],
  });
  expect(toldOf("--v mini-1")).toEqual({ words: "", parameters: ["--v mini-1"] });
});

test("the pictures that it begins with are no words", () => {
  expect(wordsOf("upload:01a2 https://a.example/b.png a fox --iw 2")).toBe("a fox");
  expect(wordsOf("upload:01a2 upload:01a3")).toBe("");
  expect(wordsOf("a sign that says https://a.example")).toBe("a sign that says https://a.example");
});

test("without the seed all else stays, the pictures too", () => {
  expect(unseeded("upload:01a2 a fox --seed 7 --ar 3:2")).toBe("upload:01a2 a fox --ar 3:2");
  expect(unseeded("a fox --ar 3:2 --seed 7")).toBe("a fox --ar 3:2");
  expect(unseeded("a fox")).toBe("a fox");
});

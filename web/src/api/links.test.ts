import { expect, test } from "vitest";
import { fromHere } from "./links";

test("files of the service lose their host, and nothing else changes", () => {
  const own = '{"url":"http://127.0.0.1:8642/files/blobs/ab?expires=1&signature=xyz","n":1}';
  expect(JSON.parse(fromHere(own))).toEqual({ url: "/files/blobs/ab?expires=1&signature=xyz", n: 1 });
  const store = '{"url":"https://bucket.example/files/ab?X-Amz-Signature=1"}';
  expect(fromHere(store)).toBe(store);
  const prompt =
    '{"prompt":"say \\"http://a/files/x?signature=1\\" aloud","source":"http://a/b?signature=1"}';
  expect(fromHere(prompt)).toBe(prompt);
});

import { beforeEach, describe, expect, it } from "vitest";
import { meant, target } from "./keys";

let feed: HTMLElement;
const at = (name: string): HTMLElement => document.getElementById(name)!;

beforeEach(() => {
  document.body.innerHTML = `
    <input id="bar" />
    <div id="feed">
      <article id="c1" data-job="j1" tabindex="0">
        <a id="t1" data-tile="i1" href="/1">1</a><a id="t2" data-tile="i2" href="/2">2</a><button id="b1">Reroll</button>
      </article>
      <article id="c2" data-job="j2" tabindex="0"><a id="t3" data-tile="i3" href="/3">3</a></article>
    </div>`;
  feed = at("feed");
});

describe("meant", () => {
  it("is the job with the focus, and the picture in it", () => {
    at("t2").focus();
    expect(meant()).toMatchObject({ job: "j1", tile: "i2" });
    at("b1").focus();
    expect(meant()).toMatchObject({ job: "j1", tile: null });
  });

  it("is nothing where the focus is elsewhere", () => {
    at("bar").focus();
    expect(meant()).toBeNull();
  });
});

describe("target", () => {
  it.each([
    ["c1", "ArrowRight", "t1"],
    ["t1", "ArrowRight", "t2"],
    ["t1", "ArrowLeft", "c1"],
    ["t2", "ArrowLeft", "t1"],
    ["t2", "ArrowDown", "c2"],
    ["c2", "ArrowUp", "c1"],
    ["c1", "End", "c2"],
    ["t3", "Home", "c1"],
  ])("%s %s leads to %s", (from, key, to) => expect(target(feed, at(from), key)?.id).toBe(to));

  it.each([
    ["t2", "ArrowRight"],
    ["c1", "ArrowUp"],
    ["c2", "ArrowDown"],
    ["c1", "a"],
  ])("%s %s leads nowhere", (from, key) => expect(target(feed, at(from), key)).toBeNull());
});

/** Scopes of keys that change places in one go: none is lost, none stays behind. */

import { flushSync } from "svelte";
import { expect, test } from "vitest";
import { listen, shortcuts } from "./shortcuts.svelte";

test("one scope goes while another comes and a third changes", () => {
  let mode = $state("region");
  const end = $effect.root(() => {
    $effect(() => {
      if (mode === "region") return listen({ title: "brush", shortcuts: [] });
      return undefined;
    });
    $effect(() => listen({ title: mode, shortcuts: [] }));
    $effect(() => {
      if (mode === "frame") return listen({ title: "order", shortcuts: [] });
      return undefined;
    });
  });
  const titles = (): string[] => shortcuts.scopes.map((each) => each.title).sort();
  flushSync();
  expect(titles()).toEqual(["brush", "region"]);
  mode = "frame";
  flushSync();
  expect(titles()).toEqual(["frame", "order"]);
  mode = "region";
  flushSync();
  expect(titles()).toEqual(["brush", "region"]);
  end();
  expect(titles()).toEqual([]);
});

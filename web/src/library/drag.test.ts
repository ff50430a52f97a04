import { expect, it } from "vitest";
import { dropped, holds, load } from "./drag";

/** What a browser hands to drag handlers, as far as it matters here. */
function transfer(): DataTransfer {
  const data = new Map<string, string>();
  return {
    effectAllowed: "all",
    setData: (type: string, text: string) => void data.set(type, text),
    getData: (type: string) => data.get(type) ?? "",
    get types() {
      return [...data.keys()];
    },
  } as unknown as DataTransfer;
}

const image = { id: "a", thumbnail: "/files/a" };

it("a chosen image takes the others along", () => {
  const drag = transfer();
  load(drag, image, ["b", "a", "c"]);
  expect(holds(drag)).toBe(true);
  expect(dropped(drag)).toEqual(["b", "a", "c"]);
  expect(JSON.parse(drag.getData("application/x-darkroom-image"))).toEqual(image);
});

it("an image that is not chosen goes alone", () => {
  const drag = transfer();
  load(drag, image, ["b", "c"]);
  expect(dropped(drag)).toEqual(["a"]);
});

it("what comes from elsewhere holds nothing", () => {
  const drag = transfer();
  drag.setData("text/plain", "x");
  expect([holds(drag), holds(null), dropped(drag), dropped(null)]).toEqual([false, false, [], []]);
  drag.setData("application/x-darkroom-images", "{");
  expect(dropped(drag)).toEqual([]);
  drag.setData("application/x-darkroom-images", '["a", 3, null]');
  expect(dropped(drag)).toEqual(["a"]);
});

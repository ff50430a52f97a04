import { expect, test } from "vitest";
import { addressOf, filterOf, queryOf, type JobFilter } from "./jobfilter";

const NONE: JobFilter = { state: "", lane: "", account: "", q: "" };
const ID = "01890000-0000-7000-8000-000000000001";

test("a filter survives its address", () => {
  const filter: JobFilter = { state: "failed", lane: "relax", account: ID, q: "a fox & a hen" };
  expect(filterOf(new URL(addressOf(filter), "http://here").searchParams)).toEqual(filter);
  expect(addressOf(NONE)).toBe("/operate/jobs");
});

test("nonsense in an address is no filter", () => {
  expect(filterOf(new URLSearchParams("state=sleepy&lane=slow&account=../x"))).toEqual(NONE);
});

test("what has not ended is four states for the service", () => {
  expect(queryOf({ ...NONE, state: "living" }).state).toEqual(["waiting", "ready", "running", "finishing"]);
  expect(queryOf({ ...NONE, state: "failed", q: "  " })).toEqual({ state: ["failed"] });
});

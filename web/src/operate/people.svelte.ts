/** Names of accounts by their id, for lists that hold only ids: each is asked for once. */

import { SvelteMap } from "svelte/reactivity";
import { api, Refusal } from "../api/client";

const names = new SvelteMap<string, string>();
const asked = new Set<string>();

/** The name of an account as far as it is known; reactive, the end of its id until then. */
export function nameOf(id: string): string {
  return names.get(id) ?? `…${id.slice(-6)}`;
}

/** Sees to it that these have names. */
export async function meet(ids: Iterable<string>): Promise<void> {
  const strangers = [...new Set(ids)].filter((id) => !asked.has(id));
  for (const id of strangers) asked.add(id);
  await Promise.all(
    strangers.map(async (id) => {
      try {
        names.set(id, (await api.get("/api/v1/admin/users/{user_id}", { path: { user_id: id } })).name);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        asked.delete(id); // it is asked for again with the next list
      }
    }),
  );
}

/** What another list told already. */
export function known(people: Iterable<{ id: string; name: string }>): void {
  for (const { id, name } of people) {
    asked.add(id);
    names.set(id, name);
  }
}

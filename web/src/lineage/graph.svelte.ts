/** The graph of one image, page by page, and where everything of it lies. */

import { api, Refusal } from "../api/client";
import type { Job, LineageEdge, LineageNode } from "../api/types";
import { layOut, type Picture } from "./layout";
import { madeBy } from "./words";

const PAGE = 200;

/** What the image that was asked about looks like as a node: the service leaves it out. */
export type Self = LineageNode;

export class Graph {
  readonly id: string;
  #nodes = $state.raw<readonly LineageNode[]>([]);
  #edges = $state.raw<readonly LineageEdge[]>([]);
  #pages = 0;
  #again = false; // asked for while it was being read
  next = $state<string | null>(null);
  loading = $state(false);
  loaded = $state(false);
  fault = $state.raw<Refusal | null>(null);

  /** Where everything lies; reactive. */
  readonly picture: Picture = $derived(
    layOut(withoutMasks(this.#nodes, this.#edges), this.#edges, (node, roles) => madeBy(node, roles)),
  );

  constructor(id: string) {
    this.id = id;
  }

  get nodes(): readonly LineageNode[] {
    return this.#nodes;
  }

  get edges(): readonly LineageEdge[] {
    return this.#edges;
  }

  /** The first page anew, with the image itself. What further pages brought stays. */
  async load(): Promise<void> {
    if (this.loading) return void (this.#again = true);
    await this.#ask(async () => {
      const [self, page] = await Promise.all([selfOf(this.id), this.#page(null)]);
      const found = merged([self], page.nodes);
      this.#nodes = this.#pages > 1 ? merged(found, this.#nodes) : found;
      this.#edges = this.#pages > 1 ? joined(page.edges, this.#edges) : page.edges;
      if (this.#pages <= 1) this.next = page.next_cursor;
      this.#pages = Math.max(1, this.#pages);
      this.loaded = true;
    });
    if (!this.#again) return;
    this.#again = false;
    await this.load();
  }

  /** The next page. */
  async more(): Promise<void> {
    const cursor = this.next;
    if (cursor === null) return;
    await this.#ask(async () => {
      const page = await this.#page(cursor);
      this.#nodes = merged(this.#nodes, page.nodes);
      this.#edges = joined(this.#edges, page.edges);
      this.next = page.next_cursor;
      this.#pages += 1;
    });
  }

  #page(cursor: string | null) {
    return api.get("/api/v1/images/{image_id}/lineage", {
      path: { image_id: this.id },
      query: { direction: "graph", limit: PAGE, cursor: cursor ?? undefined },
    });
  }

  async #ask(work: () => Promise<void>): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.fault = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.fault = error;
    } finally {
      this.loading = false;
    }
  }
}

/** Without what was brought along as a mask alone: it shows nothing of its own. Pure. */
export function withoutMasks(nodes: readonly LineageNode[], edges: readonly LineageEdge[]): LineageNode[] {
  const masks = new Set(edges.filter((each) => each.role === "mask").map((each) => each.parent));
  for (const edge of edges) if (edge.role !== "mask") masks.delete(edge.parent);
  return nodes.filter((each) => each.kind !== "upload" || !masks.has(each.id));
}

/** Each node once, what came first stays. Pure. */
export function merged(known: readonly LineageNode[], found: readonly LineageNode[]): LineageNode[] {
  const ids = new Set(known.map((each) => each.id));
  return [...known, ...found.filter((each) => !ids.has(each.id))];
}

/** Each edge once. Pure. */
function joined(known: readonly LineageEdge[], found: readonly LineageEdge[]): LineageEdge[] {
  const name = ({ child, parent, role }: LineageEdge): string => `${child} ${parent} ${role}`;
  const names = new Set(known.map(name));
  return [...known, ...found.filter((each) => !names.has(name(each)))];
}

/** The jobs that made something of what the graph has, and whose pictures it does not have yet. Pure. */
export function grownBy(jobs: readonly Job[], nodes: readonly LineageNode[]): string[] {
  const ids = new Set(nodes.map((each) => each.id));
  const known = new Set(nodes.map((each) => each.job_id));
  return jobs
    .filter(({ id, state, recipe }) => {
      if (state !== "completed" || known.has(id)) return false;
      return recipe.inputs.some((each) => ids.has(each.parent_id)) || ids.has(recipe.replay_of ?? "");
    })
    .map((each) => each.id);
}

/** The image as a node; of one that was deleted for good, its tombstone. Throws `Refusal`. */
async function selfOf(id: string): Promise<Self> {
  try {
    const image = await api.get("/api/v1/images/{image_id}", { path: { image_id: id } });
    return {
      id: image.id,
      kind: "image",
      job_id: image.job_id,
      index: image.index,
      action: image.action,
      prompt: image.prompt,
      visible: true,
      deleted: false,
      thumbnail_url: image.files["thumbnail"]?.url ?? null,
      created_at: image.created_at,
    };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "image_deleted") throw error;
    const nothing = { job_id: null, index: null, action: null, prompt: null, thumbnail_url: null };
    return { id, kind: "image", ...nothing, visible: true, deleted: true, created_at: "" };
  }
}

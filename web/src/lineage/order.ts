/** Puts the items of every layer into an order with few crossings, and gives them places near what they belong to. Pure.

Order by barycentres, swept down and up. Places by least squares: each item wants to be in the middle of its neighbours, none
may overlap, and the order stays; merging neighbours that push each other solves that exactly. */

export interface Layered {
  /** Items from left to right, layer by layer. */
  layers: number[][];
  widths: number[];
  /** Neighbours in the layer above, and below. */
  up: number[][];
  down: number[][];
}

const SWEEPS = 8;
const IDLE_MAX = 2; // sweeps that uncross nothing, one each way
const SPREADS = 6;

/** Reorders `layers` in place. Ties stay as they were, so the answer never varies. */
export function order(layered: Layered): void {
  const at = new Array<number>(layered.widths.length).fill(0);
  const note = (layer: readonly number[]): void => layer.forEach((item, place) => (at[item] = place));
  layered.layers.forEach(note);
  const wanted = new Array<number>(layered.widths.length).fill(0);
  let best = layered.layers.map((layer) => [...layer]);
  let fewest = crossings(layered, at);
  let idle = 0;
  for (let sweep = 0; sweep < SWEEPS && fewest > 0 && idle < IDLE_MAX; sweep++) {
    const down = sweep % 2 === 0;
    const layers = down ? layered.layers : [...layered.layers].reverse();
    for (const layer of layers) {
      const neighbours = down ? layered.up : layered.down;
      for (const item of layer) wanted[item] = mean(neighbours[item]!, at, at[item]!);
      layer.sort((a, b) => wanted[a]! - wanted[b]! || at[a]! - at[b]!);
      note(layer);
    }
    const found = crossings(layered, at);
    idle += 1;
    if (found < fewest) {
      idle = 0;
      fewest = found;
      best = layered.layers.map((layer) => [...layer]);
    }
  }
  layered.layers = best;
}

/** How often edges between neighbouring layers cross. Counted by insertion from the right: n log n. */
export function crossings(layered: Layered, at: readonly number[]): number {
  let crossed = 0;
  for (const layer of layered.layers) {
    const ends: number[] = [];
    let last = 0;
    for (const item of layer) {
      const children = layered.down[item]!.map((child) => at[child]!);
      if (children.length > 1) children.sort((a, b) => a - b);
      for (const place of children) {
        ends.push(place);
        if (place > last) last = place;
      }
    }
    const tree = new Int32Array(last + 2);
    for (let index = ends.length - 1; index >= 0; index--) {
      for (let place = ends[index]!; place > 0; place -= place & -place) crossed += tree[place]!;
      for (let place = ends[index]! + 1; place < tree.length; place += place & -place) tree[place]! += 1;
    }
  }
  return crossed;
}

function mean(items: readonly number[], at: readonly number[], otherwise: number): number {
  if (items.length === 0) return otherwise;
  let sum = 0;
  for (const item of items) sum += at[item]!;
  return sum / items.length;
}

/** The centre of every item, `gap` apart at least. */
export function spread(layered: Layered, gap: number): number[] {
  const centres = new Array<number>(layered.widths.length).fill(0);
  for (const layer of layered.layers)
    placed(
      layer,
      layer.map(() => 0),
      layered.widths,
      gap,
      centres,
    );
  for (let round = 0; round < SPREADS; round++) {
    const down = round % 2 === 0;
    const layers = down ? layered.layers : [...layered.layers].reverse();
    for (const layer of layers) {
      const wanted = layer.map((item) => {
        const near = down ? layered.up[item]! : layered.down[item]!;
        const far = down ? layered.down[item]! : layered.up[item]!;
        return near.length ? mean(near, centres, 0) : mean(far, centres, centres[item]!);
      });
      placed(layer, wanted, layered.widths, gap, centres);
    }
  }
  return centres;
}

/** The places nearest to those wanted, in order and without overlap: neighbours that want to pass each other form a block. */
function placed(
  layer: readonly number[],
  wanted: readonly number[],
  widths: readonly number[],
  gap: number,
  centres: number[],
): void {
  const offsets: number[] = [];
  layer.forEach((item, index) => {
    const before = index ? offsets[index - 1]! + widths[layer[index - 1]!]! / 2 + gap + widths[item]! / 2 : 0;
    offsets.push(before);
  });
  const blocks: { sum: number; count: number }[] = [];
  for (let index = 0; index < layer.length; index++) {
    blocks.push({ sum: wanted[index]! - offsets[index]!, count: 1 });
    for (let last = blocks.length - 1; last > 0; last--) {
      const [a, b] = [blocks[last - 1]!, blocks[last]!];
      if (a.sum / a.count <= b.sum / b.count) break;
      blocks.pop();
      blocks[last - 1] = { sum: a.sum + b.sum, count: a.count + b.count };
    }
  }
  let index = 0;
  for (const block of blocks)
    for (let each = 0; each < block.count; each++, index++)
      centres[layer[index]!] = block.sum / block.count + offsets[index]!;
}

/** Writes a grey PNG of 8 bits. A canvas would do it too, but browsers that guard against fingerprints put noise into what a canvas gives back. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GREY = 0;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** One byte a pixel, row after row. */
export async function greyPng(greys: Uint8Array, width: number, height: number): Promise<Blob> {
  const lines = new Uint8Array((width + 1) * height); // each begins with its filter: none
  for (let row = 0; row < height; row++) {
    lines.set(greys.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, GREY, 0, 0, 0], 8);
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", head),
    chunk("IDAT", await deflated(lines)),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts as BlobPart[], { type: "image/png" });
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const packed = new Response(
    new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream("deflate")),
  );
  return new Uint8Array(await packed.arrayBuffer());
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let index = 0; index < 4; index++) bytes[4 + index] = name.charCodeAt(index);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, sumOf(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** CRC-32, as PNG has it (ISO 3309). */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255]! ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

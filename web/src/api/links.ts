/** Links to files, made good for the address by which this browser reaches the service. */

const SIGNED = /(?<!\\)"https?:\/\/[^/"\\]+(\/files\/[^"\\]*[?&]signature=[^"\\]*)"/g;

/** JSON text in which signed files of the service itself have no host.

The service signs paths and names itself as its settings do, which on a LAN is often not how browsers call it; a file from
another origin would not be shown. Files in an object store keep their host. */
export function fromHere(text: string): string {
  return text.replace(SIGNED, '"$1"');
}

/** The shared worker: one stream of events for all tabs of the studio, since a browser allows six connections to a host. */

import { browser } from "./around";
import { Ports } from "./ports";
import { Stream } from "./stream";
import type { Said } from "./told";

const stream: Stream = new Stream(browser((told) => ports.tell(told)));
const ports = new Ports(stream);

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const port = event.ports[0]!;
  port.onmessage = (message: MessageEvent<Said>) => ports.heard(port, message.data);
};

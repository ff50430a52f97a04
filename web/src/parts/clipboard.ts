/** Copies text, also on plain-HTTP addresses, where browsers hide the clipboard's own interface. */

import { say } from "../shell/toasts.svelte";

export async function copy(text: string, what: string): Promise<void> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} copied.`, { kind: "good" });
      return;
    } catch {
      // not allowed here: the old way may be
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.setAttribute("readonly", "");
  field.className = "unseen";
  const around = document.querySelector("dialog[open]") ?? document.body;
  const before = document.activeElement;
  around.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  if (done) say(`${what} copied.`, { kind: "good" });
  else say("This browser does not let the studio copy.", { kind: "bad", hint: `Copy it by hand: ${text}` });
}

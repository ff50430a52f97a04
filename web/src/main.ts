/** Starts the studio. */

import { mount } from "svelte";
import App from "./App.svelte";
import { follow } from "./shell/router.svelte";
import { startSession } from "./shell/session.svelte";
import { hear } from "./shell/shortcuts.svelte";
import { startTheme } from "./shell/theme.svelte";
import "./styles/tokens.css";
import "./styles/base.css";

startTheme();
follow();
hear();
void startSession();
mount(App, { target: document.getElementById("studio")! });

/** The library's list, kept while its screen is away. */

import { filterOf } from "./filters";
import { Shown } from "./shown.svelte";
import { ImagesSource } from "./source";

export const shown = new Shown((query) => new ImagesSource(filterOf(new URLSearchParams(query))));

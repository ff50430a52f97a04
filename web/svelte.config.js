import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

/** Runes everywhere; styles are files, never attributes, because the studio's Content-Security-Policy allows no others. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true },
};

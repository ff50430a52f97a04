import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where the gateway finds the studio: package data of its own. */
const BUILT = "../src/darkroom/gateway/studio";
/** The service that `npm run dev` asks. */
const SERVICE = process.env["DARKROOM_URL"] ?? "http://127.0.0.1:8642";
const TEXT = /\.(js|css|svg|json|webmanifest)$/;

/** Writes .br and .gz beside every text, once, so that the gateway never compresses. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      const folder = join(import.meta.dirname, BUILT, "assets");
      for (const name of readdirSync(folder).filter((each) => TEXT.test(each))) {
        const path = join(folder, name);
        const text = readFileSync(path);
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
        );
        writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  base: "/",
  worker: { format: "es" },
  build: {
    outDir: BUILT,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "/api": SERVICE,
      "/files": SERVICE,
      "/login": SERVICE,
      "/readyz": SERVICE,
    },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "happy-dom",
  },
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
});

// Installs the hooks that run TypeScript programs on Node 20 and 22, once per thread.
import { register } from "node:module";

/** From now on this thread imports .ts, .mts and .cts files; stacks show their lines. */
export function registerTypeScript(): void {
  register("./hooks.js", import.meta.url);
  process.setSourceMapsEnabled(true);
}

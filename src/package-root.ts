// Finds the package's own folder from any compiled file, wherever it was compiled to.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds this package's package.json. */
export function packageRoot(from: string = import.meta.url): string {
  for (let dir = dirname(fileURLToPath(from)); ; dir = dirname(dir)) {
    const file = join(dir, "package.json");
    if (existsSync(file) && (JSON.parse(readFileSync(file, "utf8")) as { name?: string }).name === "accelerate-ts") return dir;
    if (dir === dirname(dir)) throw new Error(`no package.json of accelerate-ts above ${from}`);
  }
}

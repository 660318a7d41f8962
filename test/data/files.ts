// Helpers: temporary folders with files, and the folder of shared data when it is there.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { packageRoot } from "../../src/package-root.js";

/** A folder that is removed after the test, with the given files in it. */
export async function folderOf(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "accelerate-data-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}
export const root = packageRoot(import.meta.url);
export const shared = join(root, "..", "shared");
/** For tests over the shared data: `{ skip: reason }` where it is absent. */
export const needs = (path: string): { readonly skip?: string } => (existsSync(join(shared, path)) ? {} : { skip: `../shared/${path} is absent` });

// Files of this process for data that memory should not hold; they go when it ends.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;

/** A path that nobody uses. Threads map such files by their path, so that they stay until the process ends. */
export function temporaryFile(extension: string): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "accelerate-ts-data-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, `${randomUUID()}${extension}`);
}

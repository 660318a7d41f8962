// A small file system that fills up: only root can mount one.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why there is none; false: there is. */
export function tmpfsMissing(): string | false {
  if (process.getuid?.() !== 0) return "only root can mount a small file system";
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    return false;
  } catch {
    return "file systems cannot be mounted here";
  }
}

/** Runs a body in a file system of so many megabytes, which goes afterwards. */
export async function inTmpfs(megabytes: number, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
  try {
    await body(folder);
  } finally {
    execFileSync("umount", [folder]);
    await rm(folder, { recursive: true, force: true });
  }
}

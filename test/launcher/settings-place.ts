// A place for tests of settings: a working folder with a home of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { folderOf } from "../data/files.js";

export const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));

/** A working folder with a home of its own; nothing of the machine's settings is seen. */
export async function placeOf(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const folder = await folderOf(t, files);
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ACCELERATE_")));
  const call = (line: string, env: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...line.split(" ")], {
      cwd: folder,
      encoding: "utf8",
      env: { ...clean, HOME: folder, XDG_CACHE_HOME: join(folder, "cache"), ...env },
    });
    return { status, stdout, stderr };
  };
  return { folder, file: join(folder, "cache", "accelerate-ts", "default_config.yaml"), call };
}

// The token of a job whose workers are all on one machine and were given none: made by rank 0, in a file that only this user can read, gone when all have it.
import { randomBytes } from "node:crypto";
import { lstat, mkdir, rename, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlError } from "./errors.js";
import { readTokenFile } from "./token.js";

const uid = (): number => process.getuid?.() ?? 0;

/** The user's own folder among the temporary ones. */
async function folder(): Promise<string> {
  const path = join(tmpdir(), `accelerate-ts-${uid()}`);
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const stat = await lstat(path);
  // Somebody else may have made it first, to read what is put there.
  if (!stat.isDirectory() || stat.uid !== uid() || (stat.mode & 0o077) !== 0)
    throw new ControlError("ERR_CONTROL_SECURITY", `${path} is not a folder that only this user can open`, {
      hint: "remove it, or set ACCELERATE_TS_TOKEN_FILE to a token file of your own",
    });
  return path;
}

const fileOf = async (port: number): Promise<string> => join(await folder(), `port-${port}`);

/** Rank 0, which listens on the port: shows the token to this user's processes. Returns what takes it away again. */
export async function publishToken(port: number, token: string): Promise<() => Promise<void>> {
  const file = await fileOf(port);
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  await writeFile(draft, token, { mode: 0o600, flag: "wx" });
  await rename(draft, file);
  return () => unlink(file).catch(() => {});
}

/** The other ranks: waits for the token. A file that an ended job has left is told apart by the coordinator, which refuses its token. */
export async function awaitToken(port: number, timeoutMs: number): Promise<string> {
  const file = await fileOf(port);
  const end = performance.now() + timeoutMs;
  for (;;) {
    const there = await lstat(file).then(
      () => true,
      () => false,
    );
    if (there) return readTokenFile(file);
    if (performance.now() >= end)
      throw new ControlError("ERR_COORDINATOR_UNREACHABLE", `rank 0 did not come within ${Math.round(timeoutMs / 1000)} s (no ${file})`, {
        hint: "is it running on this machine, with the same MASTER_PORT and the same temporary folder?",
      });
    await sleep(50);
  }
}

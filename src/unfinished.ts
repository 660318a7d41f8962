// Files that are still being written: their names beside the place where they will be, and the end of those whose writers were killed.
import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const NAME = /^\..+\.\d+-[0-9a-f]{12}\.incomplete$/;
/** Who has written nothing for so long was killed; milliseconds. */
const ABANDONED = 24 * 3_600_000;

/** A name of the same folder that nobody else uses. The file takes its own by a rename, so that nobody sees half of it. */
export const unfinishedName = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.incomplete`);

/** Removes what killed processes left in a folder a day ago and earlier; what cannot be removed stays. @param age in milliseconds */
export async function sweepUnfinished(folder: string, age: number = ABANDONED): Promise<void> {
  const names = await readdir(folder).catch(() => []); // who writes there tells what is wrong with it
  for (const name of names) {
    if (!NAME.test(name)) continue;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    // A link to an old file is as old as the file, but for when it was made.
    if (found && Date.now() - Math.max(found.mtimeMs, found.ctimeMs) > age) await rm(path, { force: true }).catch(() => {});
  }
}

/** Writes a small file whole or not at all. @throws what the system says */
export async function writeWhole(path: string, data: string): Promise<void> {
  const unfinished = unfinishedName(path);
  try {
    await writeFile(unfinished, data);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {}); // what failed first is told
    throw error;
  }
}

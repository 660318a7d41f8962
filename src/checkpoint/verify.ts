// Whether a directory is a whole checkpoint: its manifest is what was written, and so is every file.
import { lstat, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "./errors.js";
import { hashFile } from "./files.js";
import { type Manifest, manifestName, parseManifest } from "./manifest.js";

/** The manifest of a checkpoint, without a look at the files. @throws CheckpointError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_VERSION */
export async function readManifest(directory: string): Promise<Manifest> {
  const found = await stat(directory).catch(() => undefined);
  if (!found?.isDirectory())
    throw new CheckpointError("ERR_CHECKPOINT_NOT_FOUND", `there is no checkpoint ${directory}`, { hint: "give the directory that saveState returned" });
  const file = join(directory, manifestName);
  const own = await lstat(file).catch(() => undefined);
  if (!own?.isFile())
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", own ? `${file} is no plain file` : `${directory} has no ${manifestName}`, {
      hint: "it is no checkpoint of accelerate-ts, or not a whole one",
    });
  return parseManifest(await readFile(file, "utf8"), file);
}

/**
 * Reads every byte of a checkpoint.
 * @throws CheckpointError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_DAMAGED with the file, ERR_CHECKPOINT_VERSION
 * @example
 * const { worldSize, about } = await verifyCheckpoint("run/checkpoints/checkpoint_3");
 */
export async function verifyCheckpoint(directory: string): Promise<Manifest> {
  const manifest = await readManifest(directory);
  for (const { path, bytes, sha256 } of manifest.files) {
    const file = join(directory, path);
    const found = await hashFile(file, path, bytes);
    if (found.sha256 !== sha256)
      throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${file} is not what was written: its sha256 differs`, { hint: "load another checkpoint" });
  }
  return manifest;
}

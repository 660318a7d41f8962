// The manifest of a checkpoint: what belongs to it, and that it is what was written. Its last line is the checksum of the others.
import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import { CheckpointError } from "./errors.js";

export const manifestName = "manifest.json";
const format = "accelerate-ts checkpoint";
const version = 1;

export interface ManifestFile {
  /** Relative to the checkpoint, with "/" between its parts. */
  readonly path: string;
  readonly bytes: number;
  /** Of its bytes, in hex. */
  readonly sha256: string;
}

/** What a checkpoint says of itself. */
export interface Manifest {
  /** Of the library that wrote it. */
  readonly library: string;
  /** Time of writing, ISO 8601. */
  readonly created: string;
  readonly worldSize: number;
  /** Ranks whose own files are here: all, unless each host keeps its own. */
  readonly ranks: readonly number[];
  /** Where the run was: steps, positions of loaders, random numbers. For readers; what is loaded lies in the files. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly files: readonly ManifestFile[];
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The text of a manifest. */
export function encodeManifest({ library, created, worldSize, ranks, about, files }: Manifest): string {
  const body = { format, version, library, created, worldSize, ranks, about, files };
  return `${JSON.stringify({ ...body, sha256: digest(JSON.stringify(body)) }, null, 2)}\n`;
}

const isCount = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
const isHash = (x: unknown): x is string => typeof x === "string" && /^[0-9a-f]{64}$/.test(x);

/** Whether a path stays in its directory, on every system. */
export const staysInside = (path: string): boolean =>
  path !== "" && !isAbsolute(path) && !/[\\\0:]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/**
 * Reads a manifest; `where` names it in errors.
 * @throws CheckpointError ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_VERSION
 */
export function parseManifest(text: string, where: string): Manifest {
  const damaged = (what: string, cause?: unknown): never => {
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${where} ${what}`, { cause, hint: "load another checkpoint" });
  };
  let read: Record<string, unknown> = {};
  try {
    read = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    damaged("is not JSON", cause);
  }
  if (typeof read !== "object" || read === null || read.format !== format) damaged("is no manifest of a checkpoint");
  if (read.version !== version)
    throw new CheckpointError("ERR_CHECKPOINT_VERSION", `${where} has the format version ${JSON.stringify(read.version)}, this library reads ${version}`, {
      hint: "load it with the version of accelerate-ts that wrote it",
    });
  const { library, created, worldSize, ranks, about, files } = read;
  if (typeof library !== "string" || typeof created !== "string" || !isCount(worldSize) || worldSize === 0) damaged("lacks what every manifest has");
  if (typeof about !== "object" || about === null) damaged("does not say what it is about");
  if (!Array.isArray(ranks) || !ranks.every((r) => isCount(r) && r < (worldSize as number))) damaged("names ranks that there were not");
  if (!Array.isArray(files)) damaged("lists no files");
  const seen = new Set<string>();
  for (const { path, bytes, sha256 } of files as Record<string, unknown>[]) {
    if (typeof path !== "string" || !staysInside(path) || path === manifestName) damaged(`names the file ${JSON.stringify(path)}, which may lie elsewhere`);
    if (!isCount(bytes) || !isHash(sha256)) damaged(`does not say what ${path as string} is`);
    if (seen.has(path as string)) damaged(`names ${path as string} twice`);
    seen.add(path as string);
  }
  const manifest = { library, created, worldSize, ranks, about, files } as Manifest;
  // Also a space that became another character is noticed.
  if (encodeManifest(manifest) !== text) damaged("is not what was written: its checksum differs");
  return manifest;
}

// Which checkpoint is loaded: the one named, or the newest that is whole; the same on all workers.
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { CheckpointError, type Manifest, numberedCheckpoints, numberedDirectory, readManifest, sweep, verifyCheckpoint } from "../../checkpoint/index.js";
import { agree, type Tell } from "./agreement.js";
import type { Project } from "./project-config.js";
import type { SavingWorker } from "./save-state.js";

export interface ChosenCheckpoint {
  readonly directory: string;
  readonly manifest: Manifest;
}

export interface Choice {
  readonly directory: string | undefined;
  readonly project: Project;
  /** The named one was verified just now. */
  readonly verified: boolean;
}

/**
 * Undefined when none was named and there is none. A damaged one is passed over, with a line on stderr that says why.
 * @throws CheckpointError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_VERSION, ERR_CHECKPOINT_DIRECTORY
 */
export async function choose(worker: SavingWorker, tell: Tell, { directory, project, verified }: Choice): Promise<ChosenCheckpoint | undefined> {
  const leads = worker.rank === worker.leader;
  if (directory !== undefined) {
    const named = (await agree(tell, () => resolve(directory)))[worker.leader]!;
    if (!verified) await agree(tell, async () => void (leads && (await verifyCheckpoint(named))));
    return open(tell, named);
  }
  const places = await agree(tell, async () => {
    const parent = project.requireCheckpoints("loadState");
    if (leads) await sweep(parent, worker.host);
    return { parent, numbers: worker.rank === 0 ? numberedCheckpoints(parent).map((c) => c.number) : [] };
  });
  const { numbers } = places[0]!;
  const { parent } = places[worker.leader]!;
  const reasons: string[] = [];
  for (const number of numbers) {
    const candidate = numberedDirectory(parent, number);
    // Each host looks at its own files, where they are its own.
    const found = await tell(leads ? await verdict(candidate) : "");
    const reason = found.find((text) => text !== "");
    if (reason === undefined) return open(tell, candidate);
    reasons.push(reason);
    if (worker.rank === 0) console.error(`accelerate-ts: ${candidate} was passed over: ${reason}`);
  }
  if (numbers.length === 0) return undefined;
  throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `none of the ${numbers.length} checkpoints in ${parent} can be loaded: ${reasons[0]}`, {
    hint: "move them away to begin anew",
  });
}

/** Empty when a checkpoint is whole. */
async function verdict(directory: string): Promise<string> {
  try {
    await verifyCheckpoint(directory);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Every worker reads the manifest: one that cannot see the files says so now. */
async function open(tell: Tell, directory: string): Promise<ChosenCheckpoint> {
  let manifest: Manifest | undefined;
  await agree(tell, async () => {
    if (!existsSync(directory)) throw unseen(directory);
    manifest = await readManifest(directory);
  });
  return { directory, manifest: manifest! };
}

/** What a worker says whose host has other files. */
export const unseen = (directory: string): CheckpointError =>
  new CheckpointError("ERR_CHECKPOINT_NOT_FOUND", `${directory} is not there on ${hostname()}`, {
    hint: "all hosts need a file system in common; without one set projectConfig.saveOnEachNode",
  });

// One checkpoint on its way: every worker writes what is its own, the first of them (of each host, where hosts share no files) the rest and the manifest.
import { basename, dirname } from "node:path";
import {
  beginCheckpoint,
  bytesOf,
  commitCheckpoint,
  discard,
  type FileContent,
  type HostName,
  type ManifestFile,
  prune,
  sweep,
  writeAllHashed,
  type WriteOptions,
} from "../../checkpoint/index.js";
import { Bar } from "../../progress/bar.js";
import { processTerminal } from "../../progress/terminal.js";
import { version } from "../../version.js";
import { agree, type Tell } from "./agreement.js";
import type { Project } from "./project-config.js";

/** The place of a worker among those that save. */
export interface SavingWorker {
  readonly rank: number;
  readonly size: number;
  /** The rank that makes the directory that this worker writes into; itself, where it does. */
  readonly leader: number;
  /** Ranks that write into the directory of this worker's leader. */
  readonly members: readonly number[];
  readonly host: HostName;
}

export interface NewCheckpoint {
  readonly target: string;
  /** Filled, then renamed to `target`; on this worker's host. */
  readonly staging: string;
  /** The same on all workers, and of no other checkpoint. */
  readonly id: string;
  readonly numbered: boolean;
}

const leads = ({ rank, leader }: SavingWorker): boolean => rank === leader;

/** Where a checkpoint goes. */
export interface Destination {
  readonly project: Project;
  /** As the program named it. */
  readonly directory: string | undefined;
  /** What is there is replaced. */
  readonly replaces: boolean;
}

/** Rank 0 says which number, leaders make the directories. @throws CheckpointError ERR_CHECKPOINT_EXISTS, ERR_CHECKPOINT_DIRECTORY, ERR_CHECKPOINT_WRITE */
export async function begin(worker: SavingWorker, tell: Tell, { project, directory, replaces }: Destination, options: WriteOptions): Promise<NewCheckpoint> {
  const [first] = await agree(tell, () => project.next(directory));
  const number = first!.number;
  let own = "";
  try {
    const places = await agree(tell, async () => {
      if (!leads(worker)) return undefined;
      const target = project.target(directory, number);
      own = await beginCheckpoint(target, worker.host, { ...options, replaces });
      await sweep(dirname(target), worker.host, number === undefined ? { target: basename(target) } : {});
      return { target, staging: own };
    });
    return { ...places[worker.leader]!, id: basename(places[0]!.staging), numbered: number !== undefined };
  } catch (error) {
    if (own) await discard(own);
    throw error;
  }
}

/** Writes files while the program waits. A line tells how far it is where it takes longer than a second. */
export async function writeNow(directory: string, files: readonly FileContent[], options: WriteOptions & { readonly shows: boolean }): Promise<ManifestFile[]> {
  const megabytes = files.reduce((sum, f) => sum + bytesOf(f), 0) / 1e6;
  const description = `saving ${basename(directory).replace(/\.tmp-.*$/, "")}`;
  const bar = new Bar(processTerminal(), Math.ceil(megabytes), { description, unit: "MB", delay: 1000, enabled: options.shows });
  try {
    const onBytes = (bytes: number): void => {
      options.onBytes?.(bytes);
      bar.update(bytes / 1e6);
    };
    return await writeAllHashed(directory, files, { ...options, onBytes });
  } finally {
    bar.close();
  }
}

export interface FinishOptions extends WriteOptions {
  readonly about: Readonly<Record<string, unknown>>;
  /** Numbered checkpoints that are kept. */
  readonly totalLimit: number | undefined;
  /** It takes the place of one of that name. */
  readonly replaces?: boolean;
  /** How a checkpoint is read again before others go; default here and now. */
  readonly verify?: (directory: string) => Promise<unknown>;
}

/**
 * Brings together what all have written: `write` is this worker's part. All or none succeed, and what did not become a checkpoint is taken away.
 * @throws CheckpointError, the same on all workers
 */
export async function finish(
  worker: SavingWorker,
  tell: Tell,
  { target, staging, numbered }: NewCheckpoint,
  write: () => Promise<readonly ManifestFile[]>,
  { about, totalLimit, replaces, verify, ...options }: FinishOptions,
): Promise<void> {
  const parts = await orDiscard(worker, { staging }, () => agree(tell, write));
  await agree(tell, async () => {
    if (!leads(worker)) return;
    const files = worker.members.flatMap((rank) => parts[rank]!);
    const manifest = { library: version, created: new Date().toISOString(), worldSize: worker.size, ranks: worker.members, about, files };
    await commitCheckpoint(staging, target, manifest, { ...options, ...(replaces ? { replaces: worker.host } : {}) });
    if (totalLimit !== undefined && numbered) await prune(dirname(target), target, { limit: totalLimit, host: worker.host, verify, ...options });
  });
}

/** Of a step that failed on some worker nothing is left. */
export async function orDiscard<T>(worker: SavingWorker, { staging }: Pick<NewCheckpoint, "staging">, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (leads(worker)) await discard(staging);
    throw error;
  }
}

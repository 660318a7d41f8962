// Where a run keeps what it writes: its directory, its numbered checkpoints, how many of them.
import { join, resolve } from "node:path";
import { CheckpointError, nextNumber, numberedDirectory } from "../../checkpoint/index.js";
import { ArgumentError } from "../../errors.js";

export interface ProjectConfiguration {
  /** Where runs are kept; the same as the option `projectDir`. */
  readonly projectDir?: string;
  /** Where trackers write; default projectDir. */
  readonly loggingDir?: string;
  /** false: `saveState` and `loadState` must be told a directory. Default true. */
  readonly automaticCheckpointNaming?: boolean;
  /** Numbered checkpoints that are kept; the oldest are deleted once the new one verifies. Default all. */
  readonly totalLimit?: number;
  /** Number of the next checkpoint; default the one after the highest that is there. */
  readonly iteration?: number;
  /** Hosts have no file system in common: each of them keeps a whole checkpoint with its own workers' files. Default false. */
  readonly saveOnEachNode?: boolean;
  /** `saveState` returns once the state was copied in memory, and writes while the program goes on. Default false. */
  readonly asyncSave?: boolean;
}

const count = (name: string, value: number | undefined, least: number): number | undefined => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value;
  throw new ArgumentError(`projectConfig.${name} is ${value}`, { hint: `give a whole number of at least ${least}` });
};

/** The places of a run. */
export class Project {
  readonly projectDir: string | undefined;
  readonly loggingDir: string | undefined;
  readonly totalLimit: number | undefined;
  readonly saveOnEachNode: boolean;
  readonly asyncSave: boolean;
  readonly #automatic: boolean;
  #iteration: number | undefined;

  constructor(config: ProjectConfiguration = {}, projectDir?: string) {
    if (projectDir !== undefined && config.projectDir !== undefined && projectDir !== config.projectDir)
      throw new ArgumentError(`projectDir is "${projectDir}", projectConfig.projectDir is "${config.projectDir}"`, { hint: "give one of them" });
    this.projectDir = projectDir ?? config.projectDir;
    this.loggingDir = config.loggingDir ?? this.projectDir;
    this.totalLimit = count("totalLimit", config.totalLimit, 1);
    this.saveOnEachNode = config.saveOnEachNode ?? false;
    this.asyncSave = config.asyncSave ?? false;
    this.#automatic = config.automaticCheckpointNaming ?? true;
    this.#iteration = count("iteration", config.iteration, 0);
  }

  /** The directory of numbered checkpoints; undefined where there is none. */
  get checkpoints(): string | undefined {
    return this.#automatic && this.projectDir !== undefined ? resolve(join(this.projectDir, "checkpoints")) : undefined;
  }
  /** @throws CheckpointError ERR_CHECKPOINT_DIRECTORY */
  requireCheckpoints(what: string): string {
    const { checkpoints } = this;
    if (checkpoints !== undefined) return checkpoints;
    throw new CheckpointError("ERR_CHECKPOINT_DIRECTORY", `${what} does not know where checkpoints are`, {
      hint: this.#automatic
        ? `give a directory, ${what}("run/first"), or new Accelerator({ projectDir: "run" })`
        : `give a directory; projectConfig.automaticCheckpointNaming is false`,
    });
  }

  /** Number of the next numbered checkpoint. */
  get iteration(): number {
    const { checkpoints } = this;
    return this.#iteration ?? (checkpoints === undefined ? 0 : nextNumber(checkpoints));
  }
  set iteration(value: number) {
    this.#iteration = count("iteration", value, 0);
  }

  /** What is to be written: the directory that is named, or the next number. @throws CheckpointError ERR_CHECKPOINT_DIRECTORY */
  next(directory: string | undefined): { readonly number: number | undefined } {
    if (directory === undefined) this.requireCheckpoints("saveState");
    return { number: directory === undefined ? this.iteration : undefined };
  }
  /** Where that lies here. */
  target(directory: string | undefined, number: number | undefined): string {
    return number === undefined ? resolve(directory ?? "") : numberedDirectory(this.requireCheckpoints("saveState"), number);
  }
  /** A numbered checkpoint was written: the next number follows those that are there. */
  written(): void {
    this.#iteration = undefined;
  }
}

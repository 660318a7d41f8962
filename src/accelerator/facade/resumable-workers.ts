// Workers whose run can be saved and goes on later, and whose models can be given away: what an Accelerator offers for it.
import { type CheckpointFilling, Checkpointing, type SaveStateOptions } from "../checkpoints/checkpointing.js";
import type { LoadStatePreHook, SaveStatePreHook } from "../checkpoints/checkpoint-hooks.js";
import type { AcceleratorOptions } from "../options.js";
import { PreparedObjects } from "../prepared-objects.js";
import { Project } from "../checkpoints/project-config.js";
import type { ResumePoint } from "../checkpoints/restore.js";
import type { RunParts } from "../checkpoints/run-state.js";
import { type Checkpointable, RegisteredObjects } from "../checkpoints/saved-objects.js";
import type { ModuleBase } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { firstThenOthers } from "../collectives/processes.js";
import { checkSaveModel, type SaveModelOptions, saveWeights } from "../saving/save-model.js";
import { stateDictOf } from "../saving/state-dict.js";
import { TrackedWorkers } from "./tracked-workers.js";

/** Every worker makes these calls, in the same order. */
export abstract class ResumableWorkers extends TrackedWorkers {
  readonly projectDir: string | undefined;
  /** Where trackers write. */
  readonly loggingDir: string | undefined;
  protected readonly objects: PreparedObjects = new PreparedObjects();
  /** @internal */
  readonly checkpoints: Checkpointing;
  protected abstract readonly runParts: RunParts;
  readonly #registered = new RegisteredObjects();
  readonly #project: Project;

  constructor(options: Pick<AcceleratorOptions, "projectConfig" | "projectDir" | "logWith" | "trackPerformance">) {
    super(options);
    const project = new Project(options.projectConfig, options.projectDir);
    this.#project = project;
    this.projectDir = project.projectDir;
    this.loggingDir = project.loggingDir;
    const { objects, loaders, calls, state } = this;
    const run = () => ({ ...this.runParts, objects, loaders, registered: this.#registered });
    this.checkpoints = new Checkpointing({ run, project, calls, state });
  }

  /**
   * Saves the whole run: models, optimizers with their schedulers, positions of loaders, random numbers, an open accumulation window with its gradients, trackers, registered objects. Without a
   * directory into `<projectDir>/checkpoints/checkpoint_<number>`. The directory is there when it is whole, or not at all. Returns it. To be called between bodies of `accumulate`, not inside one.
   *
   * @throws CheckpointError ERR_CHECKPOINT_EXISTS, ERR_CHECKPOINT_DISK_FULL and others, on every worker; what was saved before is as it was.
   * @example
   * if (++step % 100 === 0) await accelerator.saveState();
   */
  saveState(directory?: string, options: SaveStateOptions = {}): Promise<string> {
    return this.tracking.aside(() => this.checkpoints.save(directory, options));
  }
  /** @internal `saveState` into a checkpoint that is not the Accelerator's alone. */
  saveFilled(directory: string, options: SaveStateOptions & CheckpointFilling): Promise<string> {
    return this.tracking.aside(() => this.checkpoints.save(directory, options));
  }
  /**
   * Goes on where a run was saved: the one named, or the newest that is whole. The next iteration of a loader continues behind the batches that were consumed: bit for bit on as many workers as then, in
   * the same order on others. Undefined when none was named and there is none.
   *
   * @throws CheckpointError ERR_CHECKPOINT_MISMATCH with all that does not fit the program, on every worker; nothing was changed then.
   * @example
   * let { epoch, step } = (await accelerator.loadState()) ?? { epoch: 0, step: 0 };
   */
  loadState(): Promise<ResumePoint | undefined>;
  loadState(directory: string): Promise<ResumePoint>;
  loadState(directory?: string): Promise<ResumePoint | undefined> {
    return this.checkpoints.load(directory);
  }
  /** Returns when nothing is being saved beside the program. @throws CheckpointError what went wrong with it. */
  waitForSave(): Promise<void> {
    return this.checkpoints.settled();
  }
  /** Number of the next `checkpoint_<number>`: the one after the highest that is there, unless it was set. */
  get saveIteration(): number {
    return this.#project.iteration;
  }
  set saveIteration(iteration: number) {
    this.#project.iteration = iteration;
  }
  /** Objects with `stateDict` and `loadStateDict` are saved and loaded with the run, in this order. @throws CheckpointError ERR_CHECKPOINT_OBJECT that names those without. */
  registerForCheckpointing(...objects: readonly Checkpointable[]): void {
    this.#registered.add(objects);
  }
  /** Runs a function before each `saveState`. Returns what takes it away. */
  registerSaveStatePreHook(hook: SaveStatePreHook): () => void {
    return this.checkpoints.beforeSave.add(hook);
  }
  /** Runs a function before each `loadState`. Returns what takes it away. */
  registerLoadStatePreHook(hook: LoadStatePreHook): () => void {
    return this.checkpoints.beforeLoad.add(hook);
  }

  /** Copies of a model's parameters and persistent buffers, by name: each worker has all of them. */
  getStateDict(model: ModuleBase): Promise<Record<string, Tensor>> {
    return stateDictOf(model);
  }
  /** Whether this process is the one that writes in `saveModel`. */
  get shouldSaveModel(): boolean {
    return this.isMainProcess;
  }
  /**
   * Weights and config, written by the main process into a directory that Python's transformers loads; returns when they are there. Weights of more than `maxShardSize` ("10GB") become several files
   * with an index.
   *
   * @example
   * await accelerator.saveModel(model, "out", { maxShardSize: "5GB" });
   */
  async saveModel(model: ModuleBase, directory: string, saving: SaveModelOptions = {}): Promise<void> {
    const options = this.calls.options("saveModel");
    checkSaveModel(saving);
    const { group } = await this.calls.idle(options);
    await firstThenOthers(group, 0, () => (this.isMainProcess ? saveWeights(model, directory, saving) : undefined), options);
  }
}

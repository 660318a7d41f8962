// Saving and loading a run: what an Accelerator keeps for it between calls.
import { existsSync } from "node:fs";
import { BackgroundWriter, CheckpointError, type CopiedFile, type FileContent, type HostName, type WriteOptions } from "../../checkpoint/index.js";
import { hostId } from "../../control/host-id.js";
import type { World } from "../../distributed/index.js";
import type { WholeState } from "../../optim/index.js";
import { defaultExecutor, defaultGenerator } from "../../tensor/index.js";
import { agree, overGroup, overStore, type Tell } from "./agreement.js";
import type { Calls } from "../collectives/calls.js";
import { captureCommon, captureOwn, largeFiles, pendingGradients, weightsOf } from "./capture.js";
import { Hooks, type LoadStateHookContext, type SaveStateHookContext } from "./checkpoint-hooks.js";
import { choose, unseen } from "./choose-checkpoint.js";
import type { Project } from "./project-config.js";
import { type ResumePoint, restore } from "./restore.js";
import { requireOneState, type RunState, type SharedMemoryUse } from "./run-state.js";
import { begin, finish, orDiscard, type SavingWorker, writeNow } from "./save-state.js";
import type { WorkerState } from "../collectives/worker-state.js";

export interface SaveStateOptions {
  /** Return once the state was copied in memory, and write while the program goes on; default projectConfig.asyncSave. */
  readonly async?: boolean;
  /** Stops the saving; nothing is left of it then. */
  readonly signal?: AbortSignal;
}

/** A checkpoint that is not the Accelerator's alone. */
export interface CheckpointForm {
  /** What of the run is in it: all of it (default), all but the weights and where loaders stand, or nothing. */
  readonly holds?: "run" | "state" | "nothing";
  /** The one to load was read whole just now. */
  readonly verified?: boolean;
}
export interface CheckpointFilling extends CheckpointForm {
  /** It takes the place of one that is there. */
  readonly replaces?: boolean;
  /** Called on every worker. Files that the main process, or the first of each host with saveOnEachNode, puts into the directory become part of it. */
  readonly fill?: (directory: string) => Promise<void>;
}

export interface CheckpointingOptions {
  /** The run as it is now. */
  readonly run: () => RunState;
  readonly project: Project;
  readonly calls: Calls;
  readonly state: WorkerState;
}

/** Checkpoints of one Accelerator. At most one is being written. */
export class Checkpointing {
  readonly beforeSave: Hooks<SaveStateHookContext> = new Hooks();
  readonly beforeLoad: Hooks<LoadStateHookContext> = new Hooks();
  /** Told of every moment of the writing: for tests that end the process there. */
  onPoint: WriteOptions["onPoint"];
  readonly #options: CheckpointingOptions;
  readonly #writer = new BackgroundWriter();
  readonly #reserved: number[] = [];
  /** Never rejects: what went wrong is kept. */
  #inFlight: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: CheckpointingOptions) {
    this.#options = options;
  }

  /** For names of directories in the making. */
  get host(): HostName {
    return { host: hostId() };
  }

  async save(
    directory: string | undefined,
    { async: beside = this.#options.project.asyncSave, signal, fill, replaces = false, ...form }: SaveStateOptions & CheckpointFilling,
  ): Promise<string> {
    const { project, calls } = this.#options;
    const call = calls.options("saveState");
    const world = await calls.idle(call);
    const tell = overGroup(world.group, call);
    await this.#ready(tell, "saveState");
    const worker = await this.#worker(world);
    const writing: WriteOptions = { signal, onPoint: this.onPoint };
    const checkpoint = await begin(worker, tell, { project, directory, replaces }, writing);
    const quiet = beside ? await this.#beside(world, `checkpoint/${checkpoint.id}`) : tell;
    if (fill) await orDiscard(worker, checkpoint, () => agree(tell, () => fill(checkpoint.staging)));
    const run = this.#runIn(form);
    const gradients = (await tell(pendingGradients(run).size)).flatMap((n, rank) => (n > 0 ? [rank] : []));
    const leads = worker.rank === worker.leader;
    const states: (WholeState | undefined)[] = [];
    for (const optimizer of form.holds === "nothing" ? [] : run.objects.optimizers) states.push(await run.wholeState(optimizer, { keeps: leads }));
    const files = async (): Promise<FileContent[]> => {
      if (!existsSync(checkpoint.staging)) throw unseen(checkpoint.staging);
      const weights = await weightsOf(run);
      await this.beforeSave.run({ models: [...run.objects.models], weights, directory: checkpoint.staging });
      if (form.holds === "nothing") return [];
      const common = leads ? await captureCommon(run, { weights, gradients, states }) : [];
      return [...common, ...(await captureOwn(run, worker.rank, { gradientsWait: gradients.length > 0 }))];
    };
    const finishing = { ...writing, about: aboutRun(run), totalLimit: project.totalLimit, replaces };
    if (!beside) {
      const shows = worker.rank === 0;
      await finish(worker, tell, checkpoint, async () => writeNow(checkpoint.staging, await files(), { ...writing, shows }), finishing);
      project.written();
      return checkpoint.target;
    }
    let copies: CopiedFile[] = [];
    await orDiscard(worker, checkpoint, () =>
      agree(tell, async () => {
        copies = (await files()).map((file) => this.#writer.copy(file));
      }),
    );
    const write = () => this.#writer.write(checkpoint.staging, copies, writing);
    const verify = (written: string) => this.#writer.verify(written);
    this.#inFlight = finish(worker, quiet, checkpoint, write, { ...finishing, verify }).then(
      () => project.written(),
      (error: unknown) => this.#failed(error),
    );
    return checkpoint.target;
  }

  async load(directory: string | undefined, form: CheckpointForm = {}): Promise<ResumePoint | undefined> {
    const { project, calls } = this.#options;
    const call = calls.options("loadState");
    const world = await calls.idle(call);
    const tell = overGroup(world.group, call);
    await this.#ready(tell, "loadState");
    const worker = await this.#worker(world);
    const chosen = await choose(worker, tell, { directory, project, verified: form.verified ?? false });
    if (!chosen) return undefined;
    const run = this.#runIn(form);
    const models = [...run.objects.models];
    await agree(tell, () => this.beforeLoad.run({ models, directory: chosen.directory }));
    const kept = run.objects.models.map((m) => (models.includes(m) ? m : undefined));
    return restore(chosen.directory, chosen.manifest, { run, group: world.group, tell, models: kept });
  }

  /** Parameters and buffers get numbers from elsewhere. `write` puts them there on every worker, the parameters only where it writes for all that share the memory; all return when they are there. */
  async rewrite(write: (memory: SharedMemoryUse) => Promise<void>): Promise<void> {
    const { calls } = this.#options;
    const call = calls.options("load");
    const world = await calls.idle(call);
    const tell = overGroup(world.group, call);
    await this.#ready(tell, "load");
    const { objects, memory } = this.#options.run();
    await agree(tell, () => write(memory));
    for (const model of objects.models) for (const p of model.parameters()) p.changed();
  }

  /** Runs a body on all workers and gives the values of all, by rank; where it failed on some, all throw what the first of them did. Values must survive JSON. */
  async together<T>(what: string, body: () => Promise<T> | T): Promise<readonly T[]> {
    const call = this.#options.calls.options(what);
    const world = await this.#options.calls.idle(call);
    return agree(overGroup(world.group, call), body);
  }

  #runIn({ holds = "run" }: CheckpointForm): RunState {
    const run = this.#options.run();
    if (holds === "run") return run;
    const { optimizers, schedulers } = run.objects;
    // How windows and shares are cut is about loaders, too.
    return { ...run, settings: {}, objects: { models: [], optimizers, schedulers, loaders: [] } };
  }

  /** Makes the memory that saving beside the program will need, where that was asked for. */
  async reserve(): Promise<void> {
    const { project, state } = this.#options;
    if (!project.asyncSave) return;
    const leader = project.saveOnEachNode ? (await state.localRanks())[0] : 0;
    if (state.rank !== leader) return;
    const sizes = largeFiles(this.#options.run()).filter((size) => !this.#reserved.includes(size));
    this.#reserved.push(...sizes);
    if (sizes.length > 0) this.#writer.reserve(sizes);
  }

  /** Nothing else is under way: no other checkpoint, and no run that was begun before. */
  async #ready(tell: Tell, what: string): Promise<void> {
    await agree(tell, async () => {
      await this.settled();
      await defaultExecutor().exclusive(async () => {});
      requireOneState(this.#options.run(), what);
    });
  }

  /** Waits for a checkpoint that is being written. Throws what went wrong with it, once. */
  async settled(): Promise<void> {
    await this.#inFlight;
    this.#inFlight = undefined;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }
  /** `settled`, and ends the thread. */
  async close(): Promise<void> {
    try {
      await this.settled();
    } finally {
      await this.#writer.close();
    }
  }

  /** `close`, and tells on stderr what went wrong: for the end of a program that may have failed itself. */
  async closeQuietly(): Promise<void> {
    await this.close().catch((error: unknown) => tellAtEnd(error));
  }

  #failed(error: unknown): void {
    const failure = { error };
    this.#failure = failure;
    // A program that ends without another call still learns of it.
    process.once("beforeExit", () => {
      if (this.#failure !== failure) return;
      this.#failure = undefined;
      tellAtEnd(error);
    });
  }

  /** Collective calls are the program's; what goes on beside it speaks through the store. */
  async #beside(world: World, name: string): Promise<Tell> {
    const { state } = this.#options;
    const link = await state.link();
    const { rank, size } = world.group;
    if (size === 1) return async (mine) => [mine];
    if (!link) throw new CheckpointError("ERR_CHECKPOINT_WRITE", "workers without a launcher cannot save beside the program", { hint: "leave async out" });
    return overStore({ store: link.store, name, rank, size, timeoutMs: state.settings!.timeoutMs });
  }

  async #worker({ group }: World): Promise<SavingWorker> {
    const { project, state } = this.#options;
    const all = Array.from({ length: group.size }, (_, rank) => rank);
    const members = project.saveOnEachNode ? await state.localRanks() : all;
    return { rank: group.rank, size: group.size, leader: members[0]!, members, host: this.host };
  }
}

/** For readers of the manifest. */
function aboutRun(run: RunState): Record<string, unknown> {
  const loaders = run.objects.loaders.map((loader) => ({ ...loader.state(), seed: loader.seed ?? null }));
  return { optimizerSteps: run.steps, loaders, random: defaultGenerator().state };
}

function tellAtEnd(error: unknown): void {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode ||= 1;
}

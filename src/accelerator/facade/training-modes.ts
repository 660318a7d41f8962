// Ways to train that differ from the usual one: uneven inputs, local SGD; and the end of training, when memory is given back.
import { ArgumentError } from "../../errors.js";
import type { CommHook } from "../comm-hooks/index.js";
import { returnMemory } from "../memory/free-memory.js";
import type { WorkerExchange } from "../gradients/gradient-exchange.js";
import { checkJoinables, type Joinable, type JoinOptions, joinUneven, withEvenBatches } from "../modes/join-uneven.js";
import { Joining } from "../modes/joining.js";
import { LocalSGD, type LocalSgdOptions } from "../modes/local-sgd.js";
import type { Optimizer, OptimizerState } from "../../optim/index.js";
import { ResumableWorkers } from "./resumable-workers.js";
import type { TrainingRun } from "../training-run.js";

export abstract class TrainingModes extends ResumableWorkers {
  protected readonly joining = new Joining();
  /** Of the model that each worker trains for itself. */
  protected localExchange: WorkerExchange | undefined;
  /** What `prepare` has made so far. */
  protected run: TrainingRun | undefined;
  protected get exchange(): WorkerExchange | undefined {
    return this.run?.exchange;
  }
  /** The same, made now if it is not there. */
  protected abstract trained(): Promise<TrainingRun>;

  /** The hook that gradients go through between hosts; undefined before `prepare`, and where they travel as they are. Its state is that of this host. */
  get commHook(): CommHook | undefined {
    return this.exchange?.overHosts.hook;
  }
  /** Bytes of gradients that this worker has given to sums over the hosts: of the first worker of each host, when there are several hosts. */
  get bytesBetweenHosts(): number {
    return (this.exchange?.overHosts.bytes ?? 0) + (this.exchange?.early?.bytes ?? 0);
  }

  /**
   * Runs a body in which workers may run out of batches at different times: a worker that is done does along what the others still do (steps, clipping, reading gradients), and adds nothing. The mean is
   * over those that still have batches. With `evenBatches` prepared loaders deal so inside the block. Returns on all workers when all are done, with schedulers and rates as those have them that went on
   * for longest.
   *
   * Other calls between workers (gather, say) are errors on all of them once one is done.
   *
   * @throws AccelerateError ERR_JOIN, ERR_PEER_FAILED when the body failed on another worker.
   * @example
   * await accelerator.joinUnevenInputs([model], async () => {
   *   for await (const batch of loader) {
   *     await accelerator.backward(model(batch).loss);
   *     await optimizer.step();
   *     optimizer.zeroGrad();
   *   }
   * }, { evenBatches: false });
   */
  async joinUnevenInputs<V>(joinables: readonly Joinable[], body: () => V | Promise<V>, { evenBatches }: JoinOptions = {}): Promise<V> {
    const options = this.calls.options("joinUnevenInputs");
    checkJoinables(joinables);
    const loaders = this.loaders.idle;
    if (this.numProcesses === 1) return withEvenBatches(loaders, evenBatches, body);
    const { joining } = this;
    const { world, placement, exchange, stopping } = await this.trained();
    await this.calls.idle(options);
    this.calls.guard = (call) => joining.announce(() => ({ op: "call", purpose: call?.purpose ?? "another worker", site: call?.site }));
    try {
      return await withEvenBatches(loaders, evenBatches, () =>
        joinUneven(joinables, body, { world, placement, exchange, joining, check: () => stopping.check() }, options),
      );
    } finally {
      this.calls.guard = undefined;
    }
  }

  /**
   * From here on every worker trains a copy of the model for itself; every `localSgdSteps` steps the copies become their mean. Ends, with an average, when what it gives is disposed of. Optimizer state
   * becomes the mean over the workers at the end. All workers must make as many steps.
   *
   * @example
   * {
   *   await using localSgd = await accelerator.localSgd({ model, localSgdSteps: 8 });
   *   for await (const batch of loader) {
   *     await accelerator.backward(model(batch).loss);
   *     await optimizer.step();
   *     optimizer.zeroGrad();
   *     await localSgd.step();
   *   }
   * }
   */
  async localSgd(options: LocalSgdOptions): Promise<LocalSGD> {
    if (this.joining.active)
      throw new ArgumentError("localSgd inside joinUnevenInputs", { code: "ERR_LOCAL_SGD", hint: "workers that average must make as many steps" });
    const run = await this.trained();
    return LocalSGD.start(options, {
      world: run.world,
      placement: run.placement,
      holds: () => run.holds,
      wishes: run.stopping,
      scaler: run.scaler,
      call: (purpose) => this.calls.options(purpose),
      exchangeOf: (world, placement) => {
        this.localExchange = run.exchangeOf({ world, placement });
        return this.localExchange;
      },
      onEnd: () => {
        this.localExchange = undefined;
      },
    });
  }

  /**
   * All of an optimizer's state, as `optimizer.stateDict()` gives it where nothing is shared out between hosts (`zero: { stage: 1 }`). Every worker makes the call and gets all of it.
   *
   * @example
   * const state = await accelerator.optimizerState(optimizer);
   */
  async optimizerState(optimizer: Optimizer): Promise<OptimizerState> {
    const options = this.calls.options("optimizerState");
    return this.calls.inOrder(async () => {
      const whole = await this.run?.wholeState(optimizer, { keeps: true, everywhere: true }, options);
      return optimizer.wholeStateDict(whole);
    }, options);
  }

  /**
   * Lets go of everything that was prepared (not only of what is given) and gives its memory back to the system, once the program lets go of it too; memory that workers share, once all of them have
   * made this call. Returns undefined for each object. What the program keeps can be prepared again.
   *
   * @example
   * [model, optimizer, loader] = await accelerator.freeMemory(model, optimizer, loader);
   */
  async freeMemory<T extends readonly unknown[]>(...objects: T): Promise<{ [K in keyof T]: undefined }> {
    if (this.joining.active || this.localExchange)
      throw new ArgumentError("freeMemory while a model is trained in joinUnevenInputs or localSgd", { code: "ERR_BUSY", hint: "call it behind the block" });
    await this.calls.idle();
    this.forget();
    const none = objects.map(() => undefined);
    // What is given must not be held from here.
    (objects as unknown as unknown[]).length = 0;
    await returnMemory();
    return none as { [K in keyof T]: undefined };
  }
  /** @internal `freeMemory` for a caller that has let go of everything. */
  async returnMemory(): Promise<void> {
    await this.calls.idle();
    this.forget();
    await returnMemory({ again: false });
  }
  /** @internal Lets go of what was prepared, for a caller that prepares it again: nothing is freed, programs stay compiled. */
  async unprepare(): Promise<void> {
    await this.calls.idle();
    this.forget();
  }
  /** `freeMemory` by another name. */
  clear<T extends readonly unknown[]>(...objects: T): Promise<{ [K in keyof T]: undefined }> {
    return this.freeMemory(...objects);
  }
}

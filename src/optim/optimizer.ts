// The base of all optimizers: which parameters are updated, where their state lies, how it is saved, and who may skip a step.
import { ArgumentError } from "../errors.js";
import { type CollectedGradients, type GradientExchange, type Parameter, ParameterArena } from "../tensor/index.js";
import { type ArenaUpdate, ownGradients } from "./arena-update.js";
import { refuseInBackward } from "./checks.js";
import type { UpdateRule } from "./device-updates.js";
import { Followers, type FollowingScheduler } from "./followers.js";
import { type GroupState, Groups, type Hyperparameters, type Params } from "./groups.js";
import { ownPace, type Pace } from "./pace.js";
import { StatePlaces } from "./state-places.js";
import { StateRows } from "./state-rows.js";
import { askHooks, type StepHook } from "./step-hook.js";
import { clearOthers, collectState, type TakeState, writeState } from "./state-arrays.js";
import { beginStep, type StepJobs } from "./step-jobs.js";
import {
  applyGroup,
  checkSaved,
  type OptimizerProgress,
  type OptimizerState,
  type SavedGroup,
  savedGroup,
  type StepSettings,
  type WholeState,
} from "./state.js";

/**
 * Updates parameters from their gradients. A parameter without a gradient is left alone: no decay, no step, no state.
 *
 * State lies in arenas beside the parameters' own; parameters that lie side by side and share hyperparameters and step count are
 * updated as one range. Steps are jobs of the native run thread and follow the backward runs before them.
 */
export abstract class Optimizer<H extends Hyperparameters = Hyperparameters> {
  /** Hyperparameters of groups that do not give their own. */
  readonly defaults: Readonly<H>;
  /** How many steps were made; skipped ones do not count. */
  stepCount = 0;
  /** @internal How its schedulers follow its steps; an Accelerator says so. */
  pace: Pace = ownPace;
  /** @internal What brings its gradients together while none of its parameters has a place (a model of lazy layers alone); an Accelerator says so. */
  exchange: GradientExchange | undefined;
  /** @internal Where its state lies. */
  readonly places: StatePlaces = new StatePlaces(this, () => ({ names: this.stateNames, shape: (name, parameter) => this.stateShape(name, parameter) }));
  readonly #stateRows = new StateRows();
  #skipped = false;
  readonly #groups: Groups<H>;
  readonly #hooks = new Set<StepHook>();
  readonly #followers = new Followers();
  #inFlight = 0;

  constructor(params: Params<Partial<H>>, defaults: H) {
    this.defaults = defaults;
    this.check(defaults);
    this.#groups = new Groups(params, defaults);
    for (const group of this.#groups.states) this.check(group);
  }

  /** Refuses hyperparameters that make no sense, with torch's messages. */
  protected abstract check(group: H): void;
  /** Names of the state, one arena each. */
  protected abstract readonly stateNames: readonly string[];
  /** The shape of a parameter's state; undefined: it has none of that name. */
  protected stateShape(_name: string, parameter: Parameter): readonly number[] | undefined {
    return parameter.shape;
  }
  /** @internal Whether an update needs all of a parameter at once: several workers then share the arenas out by whole parameters. */
  get wholeParameters(): boolean {
    return false;
  }
  /** The kernel's constants for a group at a parameter's `step`, counted from 1. */
  protected abstract constants(group: H, step: number, gradScale: number): readonly number[];
  /** Whether zero parameters with zero gradients and state stay zero. */
  protected crossesGaps(_group: H): boolean {
    return true;
  }
  protected abstract update(update: ArenaUpdate): Promise<void>;
  /** What a device knows the update by; undefined: it is made on the host alone. */
  protected readonly updateRule: UpdateRule | undefined;

  /** The groups, with hyperparameters that may be changed between steps. */
  get paramGroups(): readonly GroupState<H>[] {
    return this.#groups.states;
  }

  /**
   * Updates every parameter that has a gradient. Resolves when the new values are there; what is run afterwards sees them even if
   * the promise was not awaited. A step that fails is not counted and may be tried again: gradients stay as they are, and nothing was updated unless
   * a device failed in the midst of it.
   *
   * @throws ArgumentError when there are no parameters, or a hyperparameter was set to what makes no sense.
   */
  step(): Promise<void> {
    try {
      refuseInBackward("optimizer.step");
      this.#groups.refresh();
      this.#groups.requireAny();
      const exchange = this.#exchange();
      if (exchange?.holds) return Promise.resolve();
      const submit = (gradScale: number) => (exchange ? this.#exchanged(exchange, gradScale) : this.#begin(ownGradients, gradScale).done);
      this.#skipped = false;
      return this.#hooks.size === 0 ? submit(1) : this.#hookedStep(submit);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #hookedStep(submit: (gradScale: number) => Promise<void>): Promise<void> {
    const gradScale = await askHooks(this.#hooks);
    if (gradScale === undefined) this.#skipped = true;
    else await submit(gradScale);
  }

  /** Whether the last `step` left everything as it was: a gradient had overflowed under a loss scale, all weights were 0, or a hook said so. Steps inside an accumulation window are none. */
  get stepWasSkipped(): boolean {
    return this.#skipped;
  }

  /** What brings the gradients of several workers together: `prepare` gives it to all parameters of an optimizer or to none. */
  #exchange(): GradientExchange | undefined {
    for (const group of this.paramGroups) for (const p of group.params) if (p.segment()?.arena.exchange) return p.segment()!.arena.exchange;
    return this.exchange;
  }
  async #exchanged(exchange: GradientExchange, gradScale: number): Promise<void> {
    this.#inFlight++;
    let begun: StepJobs | undefined;
    const update = (gradients: CollectedGradients): Promise<void> => {
      begun = this.#begin(gradients, gradScale);
      return begun.done;
    };
    try {
      const parameters = this.paramGroups.flatMap((group) => group.params);
      const settings = (): StepSettings => ({ gradScale, groups: this.paramGroups.map(savedGroup) });
      this.#skipped = !(await exchange.step(parameters, update, settings));
    } catch (error) {
      begun?.uncount();
      throw error;
    } finally {
      this.#inFlight--;
    }
  }

  /** @internal Makes a step that other workers make, although this one has nothing to add: with their hyperparameters, without hooks. */
  stepAlong({ gradScale, groups }: StepSettings): Promise<void> {
    this.#groups.refresh();
    this.#takeGroups(groups);
    return this.#exchanged(this.#exchange()!, gradScale);
  }
  /** @internal */
  progress(): OptimizerProgress {
    return { param_groups: this.paramGroups.map(savedGroup), step_count: this.stepCount, schedulers: this.#followers.states() };
  }
  /** @internal Takes over how far another worker is. */
  loadProgress({ param_groups, step_count, schedulers }: OptimizerProgress): void {
    this.stepCount = step_count;
    this.#followers.load(schedulers);
    this.#takeGroups(param_groups);
  }
  #takeGroups(groups: readonly SavedGroup[]): void {
    for (const [i, group] of this.paramGroups.entries()) Object.assign(group, applyGroup(group, groups[i]!));
  }

  #begin(gradients: CollectedGradients, gradScale: number): StepJobs {
    const begun = beginStep<H>(
      {
        name: this.constructor.name,
        groups: this.paramGroups,
        places: this.places,
        stateRows: this.#stateRows,
        rule: this.updateRule,
        check: (group) => this.check(group),
        constants: (group, step, scale) => this.constants(group, step, scale),
        crossesGaps: (group) => this.crossesGaps(group),
        update: (update) => this.update(update),
      },
      {
        gradients,
        gradScale,
        count: (by) => {
          this.stepCount += by;
        },
      },
    );
    this.#inFlight++;
    const ended = (): void => {
      this.#inFlight--;
    };
    begun.done.then(ended, ended);
    return begun;
  }

  /**
   * Forgets all gradients: the next backward starts from zero. Parameters without a gradient are left alone by `step`. In an accumulation window gradients that wait for its step stay: it may be
   * called at the end of the loop's body or at its beginning.
   */
  zeroGrad(): void {
    refuseInBackward("optimizer.zeroGrad");
    this.#groups.refresh();
    const exchange = this.#exchange();
    if (exchange && this.#inFlight > 0)
      throw new ArgumentError("optimizer.zeroGrad() while a step is being made", { code: "ERR_STEP_IN_FLIGHT", hint: "await optimizer.step() first" });
    const parameters = this.paramGroups.flatMap((group) => group.params);
    const kept = exchange?.keeps(parameters);
    for (const parameter of parameters) {
      const segment = parameter.segment();
      if (segment && !kept?.has(segment)) segment.hasGrad = false;
    }
  }

  /** Asks `hook` before every step; returns what takes it away again. For what decides whether a step is made: accumulation, loss scaling. */
  beforeStep(hook: StepHook): () => void {
    this.#hooks.add(hook);
    return () => {
      this.#hooks.delete(hook);
    };
  }

  /** The schedulers that were made from it, in that order. */
  get schedulers(): readonly FollowingScheduler[] {
    return this.#followers.all;
  }
  /** @internal A scheduler was made from this optimizer: it is saved and loaded with it. */
  follow(scheduler: FollowingScheduler): void {
    this.#followers.add(scheduler);
  }
  /** A scheduler is used no more: it is not saved and loaded any longer. */
  unfollow(scheduler: FollowingScheduler): void {
    this.#followers.remove(scheduler);
  }

  #quiet(what: string): void {
    if (this.#inFlight > 0) throw new ArgumentError(`${what} during a step`, { code: "ERR_OPTIMIZER_BUSY", hint: "await optimizer.step() first" });
  }

  /**
   * A copy of everything that a resumed run needs, by parameter name: step counters and state (Float32Array, flat), hyperparameters of
   * the groups, and the schedulers that follow this optimizer.
   *
   * @example
   * const saved = optimizer.stateDict();
   * // in another process, after the same model and optimizer were made:
   * optimizer.loadStateDict(saved); // goes on bit for bit
   */
  stateDict(): OptimizerState {
    if (this.places.sharedOut)
      throw new ArgumentError("each host has a part of the optimizer's state (zero: { stage: 1 })", {
        code: "ERR_STATE_SHARED_OUT",
        hint: "await accelerator.optimizerState(optimizer) on every worker: it brings the parts together; checkpoints do so by themselves",
      });
    return this.#saved((view) => view.slice());
  }
  /** @internal `stateDict` where `whole` holds what is shared out. */
  wholeStateDict(whole: WholeState | undefined): OptimizerState {
    return this.#saved((view, parameter, name) => whole?.get(parameter)?.get(name) ?? view.slice());
  }
  /** @internal As `stateDict`, with the state's own memory instead of copies, or what was brought together of it (`whole`). `writes`: it is written to, as a whole. */
  liveState({ whole, ...options }: { readonly whole?: WholeState | undefined; readonly writes?: boolean } = {}): OptimizerState {
    return this.#saved((view, parameter, name) => whole?.get(parameter)?.get(name) ?? view, options);
  }
  #saved(take: TakeState, { writes = false }: { readonly writes?: boolean } = {}): OptimizerState {
    this.#quiet("stateDict");
    this.#groups.refresh({ always: true });
    return { state: collectState(this.#groups.named(), this.places, take, { writes }), ...this.progress() };
  }

  /**
   * Takes over what `stateDict` gave. Groups must hold the same parameters by name.
   * @throws ArgumentError ERR_OPTIMIZER_STATE, naming the first difference; nothing was changed then.
   */
  loadStateDict(saved: OptimizerState): void {
    const named = this.checkState(saved);
    this.#restore(saved, named);
    writeState(saved, named, this.places);
    clearOthers(saved, named, this.places);
  }
  /** @internal Throws what `loadStateDict` would; of the arrays only their lengths are looked at. Gives the parameters by name. */
  checkState(saved: OptimizerState): ReadonlyMap<string, Parameter> {
    this.#quiet("loadStateDict");
    this.#groups.refresh({ always: true });
    const named = this.#groups.named();
    checkSaved(saved, { groups: this.paramGroups, named, shapesOf: (parameter) => this.places.shapesOf(parameter) });
    for (const [i, group] of this.paramGroups.entries()) this.check(applyGroup(group, saved.param_groups[i]!));
    this.#followers.try(saved.schedulers);
    return named;
  }
  /** @internal `loadStateDict` but for the arrays, which the caller reads into `liveState`. `writes`: false where another process of the host has the memory in common and clears what was not saved. */
  restore(saved: OptimizerState, { writes }: { readonly writes: boolean }): void {
    const named = this.checkState(saved);
    this.#restore(saved, named);
    if (writes) clearOthers(saved, named, this.places);
  }
  #restore(saved: OptimizerState, named: ReadonlyMap<string, Parameter>): void {
    this.#takeGroups(saved.param_groups);
    ParameterArena.adopt(Object.keys(saved.state).map((name) => named.get(name)!));
    this.places.restore(Object.entries(saved.state).map(([name, { step }]) => [named.get(name)!, step] as const));
    this.stepCount = saved.step_count;
    this.#followers.load(saved.schedulers);
  }
}

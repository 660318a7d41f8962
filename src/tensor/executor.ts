// Runs plans: finds or compiles their programs, binds memory, brings values out.
import { dtypes, sizeOf } from "../graph/dtype.js";
import { ArenaBound } from "../runtime/arena-bound.js";
import { cpu, type Device } from "../runtime/device.js";
import type { DeviceContext } from "../runtime/device-context.js";
import { Engine } from "../runtime/engine.js";
import { scopedPrecision } from "./autocast.js";
import type { RunWatch } from "./run-watch.js";
import { type CompilerOptions, compilerKey } from "./compiler-options.js";
import type { Parameter } from "./parameter.js";
import { parameterChanges } from "./parameter-changes.js";
import { ParameterArena } from "./parameter-arena.js";
import { type Plan, plan as makePlan } from "./plan.js";
import { commitBuffers } from "./buffers.js";
import { type DeviceRunOptions, DeviceRuns, warnOfHostNodes } from "./device-runs.js";
import { computesHalf } from "./half-probe.js";
import { memoryOf, rowGradients } from "./host-memory.js";
import { AccelerateError } from "../errors.js";
import { useDevice } from "./resident.js";
import { isComputed } from "./state.js";
import { compileProgram, type Program } from "./program.js";
import { ProgramCache } from "./program-cache.js";
import { settle } from "./recording.js";
import type { Tensor } from "./tensor.js";
import { type GradientBuckets, type RunTaps, tappedRun } from "./taps.js";
import type { WaitOptions } from "./types.js";

/** Runs between two looks at what the engine holds. */
const lookEvery = 16;

const profiled = "profiled ";

interface RunWishes extends WaitOptions {
  readonly taps?: RunTaps | undefined;
}

/** The programs of a process and the order of their runs. One run at a time: each waits for the one before. */
export class Executor {
  readonly #engine: () => Engine;
  readonly #programs = new ProgramCache((forget) => void this.exclusive(forget));
  #last: Promise<void> = Promise.resolve();
  #backwards = 0;
  readonly #bound = new ArenaBound();
  /** The next run gives back what the engine does not need. */
  #shrinks = false;
  /** Whether somebody brings the gradients of several workers together (an Accelerator); undefined: nobody has asked yet. */
  coordinated: boolean | undefined;
  /** How graphs are compiled; a change holds for the runs after it. */
  compiler: CompilerOptions = {};
  /** Told of what is compiled and run. */
  watch: RunWatch | undefined;
  /** On CUDA: launches of programs whose sizes come again are recorded and replayed as one. */
  cudaGraph = false;
  #device: Device = cpu;
  #onDevice: Promise<DeviceRuns> | undefined;
  #context: DeviceContext | undefined;
  /** How many runs there were. */
  runs = 0;

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** How many programs were compiled so far. */
  get compiled(): number {
    return this.#programs.compiled;
  }
  /** How many of them are kept. */
  get held(): number {
    return this.#programs.held;
  }

  /**
   * Where programs run, from the next one on; default: the host. Parameters, their gradients and what optimizers keep of them move there with their first run or `prepare`, and stay.
   * @throws AccelerateError ERR_DEVICE_CHANGED where another device has been opened: numbers lie on it.
   */
  get device(): Device {
    return this.#device;
  }
  set device(device: Device) {
    if (`${device}` === `${this.#device}`) return;
    if (this.#onDevice)
      throw new AccelerateError("ERR_DEVICE_CHANGED", `the programs of this process run on ${this.#device}, they cannot go on on ${device}`, {
        hint: "a process has one device: make all Accelerators with the same, before anything else is computed",
      });
    this.#device = device;
  }
  /** The device once it is opened; undefined before, and on the host. */
  get context(): DeviceContext | undefined {
    return this.#context;
  }
  /** Opens the device, if there is one. @throws EngineError where it cannot be. */
  async open(): Promise<DeviceContext | undefined> {
    return (await this.#runsOn())?.context;
  }
  #runsOn(): Promise<DeviceRuns> | undefined {
    if (this.#device.hostMemory) return undefined;
    this.#onDevice ??= this.#openDevice().catch((error) => {
      this.#onDevice = undefined;
      throw error;
    });
    return this.#onDevice;
  }
  async #openDevice(): Promise<DeviceRuns> {
    const context = await this.#engine().openDevice(this.#device);
    this.#context = context;
    if (context.withoutKernels)
      console.warn(
        `${this.#device} is used without accelerate-ts's own CUDA kernels, which is slower, although they were built or asked for: ${context.withoutKernels}`,
      );
    useDevice(context);
    return new DeviceRuns(context);
  }

  /** Whether a backward was begun and has not ended: gradients are not there yet. */
  get inBackward(): boolean {
    return this.#backwards > 0;
  }

  /** Runs a body when all runs and bodies before it have ended; later ones wait for it. Not to be called inside such a body. */
  async exclusive<V>(body: () => Promise<V>): Promise<V> {
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      return await body();
    } finally {
      done();
    }
  }

  async #program(plan: Plan, buckets?: GradientBuckets): Promise<Program> {
    const prefix = this.watch?.profile();
    const precision = scopedPrecision();
    const compiler = await this.#compilerOf(precision, buckets);
    // The times of nodes are those of launches one by one.
    const records = this.cudaGraph && prefix === undefined && this.#context?.device.type === "cuda";
    const key = `${prefix === undefined ? "" : profiled}${records ? "recorded " : ""}${compilerKey(compiler)} ${plan.key}`;
    const known = this.#programs.find(key, plan);
    if (known) return known;
    const profile = prefix === undefined ? undefined : `${prefix}-${this.compiled}`;
    const program = await compileProgram(plan, this.#engine(), {
      ...compiler,
      ...(profile !== undefined && { profile }),
      ...(this.#context && { device: this.#context, records }),
    });
    if (profile !== undefined) this.watch?.compiled(program, profile);
    if (program.hostNodes.length > 0) warnOfHostNodes(this.#device, program);
    await this.#programs.keep(key, program, plan);
    return program;
  }

  async #compilerOf(precision: CompilerOptions["precision"], buckets: GradientBuckets | undefined): Promise<CompilerOptions> {
    const compiler = { ...this.compiler, ...(buckets && { buckets }), ...(precision !== undefined && { precision }) };
    if (!this.#context) return compiler;
    const { device, kernels } = this.#context;
    // Of WebGPU's adapters only those are asked that are to compute so.
    const half = device.type === "cuda" || (compiler.precision === "fp16" && (await computesHalf(this.#context)));
    return { ...compiler, target: { type: device.type, kernels, half } };
  }

  /** Gives the memory of all compiled programs back; what is run again is compiled again. */
  clear(): Promise<void> {
    return this.exclusive(async () => {
      await this.#programs.clear();
      this.#shrinks = true;
      (await this.#onDevice)?.clear();
    });
  }
  /** Closes the programs that were compiled for a profile: only then are their files whole. */
  clearProfiled(): Promise<void> {
    return this.exclusive(() => this.#programs.clear((key) => key.startsWith(profiled)));
  }

  /** Computes a tensor and every sink that hangs on it. */
  async bringOut(tensor: Tensor, options: WaitOptions = {}): Promise<void> {
    await this.exclusive(async () => {
      if (tensor.state.kind === "lazy" && isComputed(tensor.state)) return;
      const opening = this.#runsOn();
      const runs = opening && (await opening);
      const plan = makePlan(tensor, { backward: false });
      await this.#run(plan, await this.#program(plan), options, runs);
    });
  }

  /** Runs forward and backward of a loss; gradients, times the seed, land in the arenas. */
  async backward(
    loss: Tensor,
    options: WaitOptions & {
      readonly seed?: Tensor;
      readonly taps?: RunTaps | undefined;
      readonly onCompiled?: (plan: Plan, gradients: readonly Parameter[]) => void;
    } = {},
  ): Promise<void> {
    this.#backwards++;
    try {
      await this.exclusive(async () => {
        const opening = this.#runsOn();
        const runs = opening && (await opening);
        const plan = makePlan(loss, { backward: true, ...(options.seed && { seed: options.seed }) });
        const before = this.compiled;
        const { taps, ...others } = options;
        const program = await this.#program(plan, taps?.buckets);
        if (this.compiled > before)
          options.onCompiled?.(
            plan,
            program.gradients.map((i) => plan.parameters[i]!),
          );
        const listens = await taps?.before();
        await this.#run(plan, program, { ...others, ...(listens && { taps }) }, runs);
      });
    } finally {
      this.#backwards--;
    }
  }

  async #run(plan: Plan, program: Program, { signal, taps }: RunWishes, onDevice: DeviceRuns | undefined): Promise<void> {
    if (onDevice) return this.#runOnDevice(plan, program, { signal, taps }, onDevice);
    const { binding } = program;
    const moved = program.places !== parameterChanges("places");
    if (moved) ParameterArena.adopt(program.gradients.map((i) => plan.parameters[i]!));
    const segments = program.gradients.map((i) => plan.parameters[i]!.segment()!);
    for (const [i, slot] of program.inputs.entries()) {
      if (slot.kind === "parameter" && !moved) continue;
      const { data, shape } = memoryOf(slot, plan, program);
      binding.bindInput(i, data, shape);
    }
    const results = plan.outputs.map((t) => new dtypes[t.dtype].array(sizeOf(t.shape)));
    for (const [i, data] of results.entries()) binding.bindOutput(i, data, plan.outputs[i]!.shape);
    const written = plan.updated.map((t) => new dtypes[t.dtype].array(sizeOf(t.shape)));
    for (const [i, data] of written.entries()) binding.bindOutput(results.length + i, data, plan.updated[i]!.shape);
    // A parameter that has a gradient already gets the new one beside it, and they are added after the run.
    const accumulate: { into: Float32Array; from: Float32Array; bucket: number | undefined }[] = [];
    const rows = rowGradients(plan, program, segments);
    const direct = segments.every((segment, k) => !segment.hasGrad || program.asRows[k]);
    if (moved || !direct || !program.direct) {
      program.direct = false; // until all are bound: a binding that is refused must not leave some of them elsewhere unnoticed
      for (const [k, segment] of segments.entries()) {
        if (program.asRows[k]) continue;
        const target = segment.hasGrad ? segment.arena.scratch(segment) : segment.grad;
        if (segment.hasGrad) accumulate.push({ into: segment.grad, from: target, bucket: program.taps.buckets[k] });
        binding.bindOutput(results.length + written.length + k, target, segment.parameter.shape);
      }
    }
    for (const [k, segment] of segments.entries()) if (!program.asRows[k]) segment.rows?.fill();
    program.direct = direct;
    program.places = parameterChanges("places");
    this.runs++;
    const began = performance.now();
    const run = (sums: typeof accumulate): Promise<void> =>
      binding.run({
        ...(signal ? { signal } : {}),
        ...(sums.length > 0 ? { accumulate: sums } : {}),
        ...(rows.length > 0 ? { rows } : {}),
        shrinks: this.#shrinks,
      });
    if (taps && program.taps.told.length > 0) {
      const expected = segments.map((segment, k) => ({ segment, asRows: program.asRows[k]! }));
      await tappedRun(this.#engine(), { taps, expected, sums: accumulate, run });
    } else await run(accumulate);
    const memory = this.runs % lookEvery === 0 ? program.session.memory() : undefined;
    this.#shrinks = memory !== undefined && this.#bound.exceeded(memory);
    this.watch?.ran(program, { backward: plan.loss !== undefined, began, ended: performance.now() });
    for (const [i, t] of plan.outputs.entries()) if (t.state.kind === "lazy") t.state.data = results[i];
    commitBuffers(plan, written);
    for (const [k, segment] of segments.entries()) {
      if (program.asRows[k] && !segment.hasGrad) segment.rows!.written();
      segment.hasGrad = true;
      segment.writes++;
    }
    if (program.taps.told.length > 0) taps?.end(true);
    settle(plan.outputs, plan.reached);
  }

  async #runOnDevice(plan: Plan, program: Program, { signal, taps }: DeviceRunOptions, device: DeviceRuns): Promise<void> {
    this.runs++;
    const began = performance.now();
    await device.run(plan, program, { signal, masks: await program.masks?.of(plan), taps });
    this.watch?.ran(program, { backward: plan.loss !== undefined, began, ended: performance.now() });
    settle(plan.outputs, plan.reached);
  }
}

let shared: Executor | undefined;
/** The executor of the process, on ONNX Runtime's one environment; made on first use. */
export function defaultExecutor(): Executor {
  shared ??= new Executor(() => Engine.default());
  return shared;
}

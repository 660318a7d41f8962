// Runs of compiled programs on a device: feeds go up once, parameters and results stay there.
import type { Device } from "../runtime/device.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { Engine } from "../runtime/engine.js";
import { poolOf } from "./array-pool.js";
import { commitDeviceBuffers, type FormerNumbers } from "./buffers.js";
import { DeviceFeeds } from "./device-feeds.js";
import { addSegments, graphsOf } from "./device-graphs.js";
import type { HostMask } from "./host-masks.js";
import type { Parameter } from "./parameter.js";
import { type ArenaSegment, type DeviceArena, ParameterArena } from "./parameter-arena.js";
import type { Plan } from "./plan.js";
import { type Program, sizesFor } from "./program.js";
import { isStale } from "./recording.js";
import { type Recording, Recordings } from "./recordings.js";
import { Resident } from "./resident.js";
import type { Recorded } from "./state.js";
import { type EarlyDeviceSums, earlyDeviceSums, type RunTaps, tappedRun } from "./taps.js";
import type { Tensor } from "./tensor.js";
import type { Upload } from "./uploads.js";

export interface DeviceRunOptions {
  readonly signal?: AbortSignal | undefined;
  /** What is bound to the inputs of that kind. */
  readonly masks?: readonly HostMask[] | undefined;
  /** Told of gradients that are ready while the run goes on. One that adds to gradients tells of them where the device has kernels for sums of ours; elsewhere they are added up behind it. */
  readonly taps?: RunTaps | undefined;
}

interface DeviceCopy {
  readonly from: DeviceArray;
  readonly into: DeviceArray;
}

/** A run's memory beside parameters. */
interface Bound {
  readonly masks: readonly HostMask[];
  readonly segments: readonly ArenaSegment[];
  readonly uploads: Upload[];
  readonly lent: DeviceArray[];
  readonly made: DeviceArray[];
  /** Copies on the device before the run and behind it, where it is recorded. */
  readonly before: DeviceCopy[];
  readonly behind: DeviceCopy[];
  /** Of each arena the gradients that are added to what is there already. */
  readonly sums: Map<DeviceArena, number[]>;
}

/** A parameter's numbers on the device. */
const placeOf = (p: Parameter): DeviceArray => {
  const segment = p.segment()!;
  return segment.arena.device!.values.at(segment.index);
};

/** Names the nodes that a device leaves to the host: once per compiled structure. */
export function warnOfHostNodes(device: Device, { session, hostNodes }: Program): void {
  const ops = new Map<string, string>();
  for (const { op, name } of hostNodes) ops.set(op, ops.get(op) ?? name);
  const list = [...ops].map(([op, name]) => `${op} (${name})`).join(", ");
  console.warn(
    `${device} has no kernel for ${hostNodes.length} of the nodes of a ${session.name} program: the host computes them, and their tensors go there and back in each run: ${list}`,
  );
}

/** The runs on one device. */
export class DeviceRuns {
  readonly context: DeviceContext;
  readonly #feeds: DeviceFeeds;
  readonly #recordings: Recordings;
  #former: FormerNumbers[] = [];

  constructor(context: DeviceContext) {
    this.context = context;
    this.#feeds = new DeviceFeeds(context);
    this.#recordings = new Recordings(context);
  }

  async run(plan: Plan, program: Program, options: DeviceRunOptions): Promise<void> {
    await graphsOf(this.context).settled;
    ParameterArena.adopt(plan.parameters);
    const segments = program.gradients.map((i) => plan.parameters[i]!.segment()!);
    const written = await Promise.all([...new Set(segments.map(({ arena }) => arena.exchange))].map((exchange) => exchange?.writing?.()));
    try {
      await this.#run(plan, program, segments, options);
    } catch (error) {
      // Whatever has failed, an upload or what comes behind the run, too: nobody may wait for its gradients.
      options.taps?.end(false);
      throw error;
    } finally {
      for (const over of written) over?.();
    }
  }

  async #run(plan: Plan, program: Program, segments: readonly ArenaSegment[], { signal, masks = [], taps }: DeviceRunOptions): Promise<void> {
    const { context } = this;
    const pool = poolOf(context);
    // A replay tells of nothing: what is listened to runs launch by launch.
    const listens = taps !== undefined && program.taps.told.length > 0;
    const recording = listens ? undefined : this.#recordings.of(plan, program, segments.map(({ hasGrad }) => Number(hasGrad)).join(""));
    const binding = recording?.binding ?? program.binding;
    graphsOf(context).records = program.recorded;
    this.#feeds.begin();
    this.#dropFormer();
    const uploads: Upload[] = [];
    const lent: DeviceArray[] = [];
    const made: DeviceArray[] = [];
    const before: DeviceCopy[] = [];
    const behind: DeviceCopy[] = [];
    const sums = new Map<DeviceArena, number[]>();
    let listening: RunTaps | undefined;
    let early: EarlyDeviceSums = { arenas: new Set(), sums: [] };
    const notSent = (error: unknown): never => {
      for (const { failed } of uploads) failed?.();
      throw error;
    };
    try {
      try {
        this.#bind(plan, program, { masks, segments, uploads, lent, made, before, behind, sums }, recording);
      } catch (error) {
        notSent(error);
      }
      const uploading = uploads.length > 0 ? context.upload(uploads).catch(notSent) : undefined;
      const run = async (): Promise<void> => {
        const copying = before.length > 0 ? context.copy(before) : undefined;
        const running = binding.run(signal ? { signal } : {});
        const jobs = [copying, running, behind.length > 0 ? context.copy(behind) : undefined];
        await Promise.allSettled(jobs);
        await Promise.all(jobs);
      };
      if (listens && (sums.size === 0 || context.optimizerKernels)) listening = taps;
      if (listening) early = earlyDeviceSums(segments, program.taps.buckets);
      const running = listening
        ? tappedRun(Engine.default(), {
            taps: listening,
            expected: segments.map((segment) => ({ segment, asRows: false })),
            sums: [],
            deviceSums: early.sums,
            run,
          })
        : run();
      try {
        await Promise.all([uploading, running]);
      } catch (error) {
        await Promise.allSettled([uploading, running]);
        throw error;
      }
    } catch (error) {
      for (const array of made) pool.give(array);
      throw error;
    } finally {
      for (const array of lent) pool.give(array);
    }
    for (const { arena, index, hasGrad } of segments) {
      const device = arena.device!;
      if (hasGrad) device.scratch.written(index);
      if (!hasGrad || early.arenas.has(device)) device.grads.written(index);
    }
    const late = [...sums].filter(([device]) => !early.arenas.has(device));
    await Promise.all(late.map(([{ grads, scratch }, indices]) => addSegments(grads, scratch, indices))).catch((error: unknown) => {
      listening?.end(false);
      throw error;
    });
    for (const [i, t] of plan.outputs.entries()) if (t.state.kind === "lazy") t.state.resident = new Resident(made[i]!, context);
    this.#former.push(...commitDeviceBuffers(plan, made.slice(plan.outputs.length), this.#feeds));
    for (const segment of segments) {
      segment.hasGrad = true;
      segment.writes++;
    }
    listening?.end(true);
  }

  /** What buffers were before goes back once parameters have changed: nothing that has read it can be computed again. */
  #dropFormer(): void {
    const needed = (ref: WeakRef<Recorded>): boolean => {
      const node = ref.deref();
      return node !== undefined && !isStale(node);
    };
    this.#former = this.#former.filter(({ resident, readers }) => {
      if (readers.some(needed)) return true;
      resident.release();
      return false;
    });
  }

  /** Binds all that a run reads and writes. What has to go up for it is added to `uploads`, arrays of the pool to `lent` and `made`. */
  #bind(plan: Plan, program: Program, { masks, segments, uploads, lent, made, before, behind, sums }: Bound, recording: Recording | undefined): void {
    const binding = recording?.binding ?? program.binding;
    const pool = poolOf(this.context);
    const own = new Set<Tensor>(plan.nodes.flatMap((node) => (node.kind === "call" ? node.captured : [])));
    const written = new Set(plan.updated);
    for (const [i, slot] of program.inputs.entries()) {
      if (slot.kind === "sizes") {
        const { data, shape } = sizesFor(slot, program, plan);
        // What only the host reads stays there.
        const onHost = program.session.inputs[i]!.onHost;
        if (onHost && recording) recording.bindSizes(i, data, shape);
        else if (onHost) binding.bindInput(i, data, shape);
        else binding.bindInput(i, this.#feeds.number(data, { dtype: "int64", shape, uploads }), shape);
        continue;
      }
      let array: DeviceArray;
      if (slot.kind === "parameter") array = placeOf(plan.parameters[slot.parameter]!);
      else if (slot.kind === "feed") {
        const tensor = plan.feeds[slot.feed]!;
        array = this.#feeds.of(tensor, { own: own.has(tensor), uploads });
        // A gradient, which the run itself may write or have added to.
        const changes = tensor.state.kind === "concrete" && tensor.state.place !== undefined && segments.length > 0;
        // Constants of modules stay where they are; all else lies elsewhere in the next run.
        if (recording && (!own.has(tensor) || tensor.state.kind !== "concrete" || written.has(tensor) || changes)) {
          const place = recording.input(i, array);
          before.push({ from: array, into: place });
          array = place;
        } else if (changes) {
          const copy = pool.take(array.dtype, array.shape);
          lent.push(copy);
          before.push({ from: array, into: copy });
          array = copy;
        }
      } else {
        const { dtype, shape, data } = masks[slot.mask]!;
        if (recording) array = recording.input(i, { dtype, shape });
        else {
          array = pool.take(dtype, shape);
          lent.push(array);
        }
        uploads.push({ from: data, into: array });
      }
      binding.bindInput(i, array, array.shape);
    }
    for (const t of [...plan.outputs, ...plan.updated]) made.push(pool.take(t.dtype, t.shape));
    for (const [i, array] of made.entries()) {
      const target = recording ? recording.output(i, array) : array;
      if (target !== array) behind.push({ from: target, into: array });
      binding.bindOutput(i, target, target.shape);
    }
    for (const [k, { arena, index, hasGrad }] of segments.entries()) {
      const device = arena.device!;
      if (hasGrad) sums.set(device, [...(sums.get(device) ?? []), index]);
      const target = hasGrad ? device.scratch.target(index) : device.grads.target(index);
      binding.bindOutput(made.length + k, target, target.shape);
    }
  }

  /** Memory that waits for another use goes back. */
  clear(): void {
    this.#feeds.clear();
  }
}

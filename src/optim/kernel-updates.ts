// Updates of parameters on a device by kernels of ours (src/native/cuda/kernels/updates_binding.cc): one launch for up to 32 ranges.
import type { NativeBinding, NativeHandle } from "../native/binding.js";
import { Engine } from "../runtime/engine.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { NativeDevice } from "../runtime/native-device.js";
import { type ArenaPart, type DeviceSegments, type GradientNorm, graphsOf, takeScratch } from "../tensor/index.js";
import { type DeviceParts, type DeviceUpdate, type DeviceUpdates, type UpdateRule, updateRules } from "./device-updates.js";
import { GraphUpdates } from "./graphs/graph-updates.js";

type ArrayHandle = NativeHandle<"device-array">;
type Handle = NativeHandle<"device">;

declare module "../native/binding.js" {
  interface NativeBinding {
    readonly deviceUpdates: {
      step(
        device: Handle,
        rule: number,
        values: ArrayHandle,
        gradients: ArrayHandle,
        states: readonly [ArrayHandle?, ArrayHandle?, ArrayHandle?],
        ranges: Float64Array,
        rows: Float64Array,
        fields: number,
      ): Promise<void>;
      normScratch(device: Handle, ranges: Float64Array): number;
      norm(device: Handle, data: ArrayHandle, ranges: Float64Array, kind: number, exponent: number, scratch: ArrayHandle, result: ArrayHandle): Promise<void>;
      scale(device: Handle, data: ArrayHandle, ranges: Float64Array, factor: number): Promise<void>;
      clamp(device: Handle, data: ArrayHandle, ranges: Float64Array, limit: number): Promise<void>;
    };
  }
}

/** Numbers of the rules in src/native/cuda/kernels/api.h, and the names of states in the order in which kernels take them. */
interface KernelRule {
  readonly number: number;
  readonly states: readonly string[];
}
const kernelRules: { readonly [R in UpdateRule]?: KernelRule } = {
  adam: { number: 0, states: ["exp_avg", "exp_avg_sq"] },
  sgd: { number: 1, states: ["momentum_buffer"] },
  rmsprop: { number: 2, states: ["square_avg", "momentum_buffer", "grad_avg"] },
  adagrad: { number: 3, states: ["sum"] },
  lion: { number: 4, states: ["exp_avg"] },
};

/** One range per parameter, or per part of it: what lies next to it does not change the sum's order. */
function bySegment({ ranges, segments }: DeviceParts): Float64Array {
  const own: number[] = [];
  for (const { segment } of segments)
    for (let i = 0; i < ranges.length; i += 4) {
      const begin = Math.max(segment.offset, ranges[i]!);
      const end = Math.min(segment.offset + segment.length, ranges[i]! + ranges[i + 1]!);
      if (begin < end) own.push(begin, end - begin, 0, 1);
    }
  return Float64Array.from(own);
}

/** By kernels where there is one, the rest by graphs. */
export class KernelUpdates implements DeviceUpdates {
  readonly rules: ReadonlySet<UpdateRule>;
  readonly #context: DeviceContext;
  readonly #graphs: GraphUpdates;
  readonly #native: NativeBinding;
  readonly #device: Handle;

  constructor(context: DeviceContext) {
    const engine = Engine.default();
    this.#context = context;
    this.#graphs = new GraphUpdates(context);
    this.rules = this.#graphs.rules;
    this.#native = engine.native;
    this.#device = NativeDevice.of(context, engine).handle;
  }

  step(update: DeviceUpdate): Promise<void> {
    const { rule, values, gradients, states, ranges, rows, segments } = update;
    const kernel = kernelRules[rule];
    const known = Object.entries(states).every(([name, state]) => kernel?.states.includes(name) && state.length === values.length);
    if (!kernel || !known) return this.#graphs.step(update);
    const of = (name: string | undefined): ArrayHandle | undefined => (name === undefined ? undefined : states[name]?.flat.handle);
    const [a, b, c] = kernel.states;
    const parts = Object.values(states).find((state) => state.parts)?.parts;
    if (parts) return this.#stepParts(update, parts, kernel);
    const own = { values: values.flat.handle, gradients: gradients.flat.handle, states: [of(a), of(b), of(c)] as [ArrayHandle?, ArrayHandle?, ArrayHandle?] };
    for (const { segment } of segments) for (const written of [values, ...Object.values(states)]) written.written(segment.index);
    return this.#queue(() =>
      this.#native.deviceUpdates.step(this.#device, kernel.number, own.values, own.gradients, own.states, ranges, rows, updateRules[rule].length),
    );
  }

  /** Where there are parts of the states only: each by itself, as memory of its own. */
  async #stepParts({ rule, values, gradients, states, ranges, rows, segments }: DeviceUpdate, parts: readonly ArenaPart[], kernel: KernelRule): Promise<void> {
    const jobs: Promise<void>[] = [];
    for (const { begin, end } of parts) {
      const own: number[] = [];
      for (let i = 0; i < ranges.length; i += 4) {
        const offset = ranges[i]!;
        if (begin <= offset && offset < end) own.push(offset - begin, ranges[i + 1]!, ranges[i + 2]!, ranges[i + 3]!);
      }
      if (own.length === 0) continue;
      const of = (x: DeviceSegments | undefined): ArrayHandle | undefined => x?.range(begin, end - begin).handle;
      const [a, b, c] = kernel.states;
      const stateArrays = [a, b, c].map((name) => (name === undefined ? undefined : of(states[name]))) as [ArrayHandle?, ArrayHandle?, ArrayHandle?];
      const [at, by] = [of(values)!, of(gradients)!];
      const [moved, width] = [Float64Array.from(own), updateRules[rule].length];
      jobs.push(this.#queue(() => this.#native.deviceUpdates.step(this.#device, kernel.number, at, by, stateArrays, moved, rows, width)));
    }
    for (const { segment } of segments) for (const written of [values, ...Object.values(states)]) written.written(segment.index);
    await Promise.all(jobs);
  }

  async norm(gradients: DeviceSegments, parts: DeviceParts, kind: number, exponent: number): Promise<GradientNorm> {
    const ranges = bySegment(parts);
    const { deviceUpdates } = this.#native;
    const data = gradients.flat;
    const words = 2 * deviceUpdates.normScratch(this.#device, ranges);
    if (words === 0) return { value: 0, nonFinite: 0 };
    const scratch = takeScratch(this.#context, [words]);
    const result = takeScratch(this.#context, [4]);
    const numbers = new Float64Array(2);
    try {
      await this.#queue(() => deviceUpdates.norm(this.#device, data.handle, ranges, kind, exponent, scratch.array.handle, result.array.handle));
      await this.#context.download([{ from: result.array, into: new Float32Array(numbers.buffer) }]);
    } finally {
      scratch.release();
      result.release();
    }
    return { value: numbers[0]!, nonFinite: numbers[1]! };
  }

  scale(gradients: DeviceSegments, parts: DeviceParts, factor: number): Promise<void> {
    return this.#each(gradients, parts, (data) => this.#native.deviceUpdates.scale(this.#device, data.handle, parts.ranges, factor));
  }
  clamp(gradients: DeviceSegments, parts: DeviceParts, limit: number): Promise<void> {
    return this.#each(gradients, parts, (data) => this.#native.deviceUpdates.clamp(this.#device, data.handle, parts.ranges, limit));
  }

  #each(gradients: DeviceSegments, { segments }: DeviceParts, job: (data: DeviceArray) => Promise<void>): Promise<void> {
    const data = gradients.flat;
    for (const { segment } of segments) gradients.written(segment.index);
    return this.#queue(() => job(data));
  }

  /** Behind the graphs that were given before: they may still be compiled. */
  async #queue(job: () => Promise<void>): Promise<void> {
    await graphsOf(this.#context).queue(job);
  }
}

// Updates of parameters on a device by kernels of ours (src/native/cuda/kernels/updates_binding.cc): one launch for up to 32 ranges.
import type { NativeBinding, NativeHandle } from "../native/binding.js";
import { Engine } from "../runtime/engine.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { NativeDevice } from "../runtime/native-device.js";
import { type DeviceSegments, type GradientNorm, graphsOf, takeScratch } from "../tensor/index.js";
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
const kernelRules: { readonly [R in UpdateRule]?: { readonly number: number; readonly states: readonly string[] } } = {
  adam: { number: 0, states: ["exp_avg", "exp_avg_sq"] },
  sgd: { number: 1, states: ["momentum_buffer"] },
  rmsprop: { number: 2, states: ["square_avg", "momentum_buffer", "grad_avg"] },
  adagrad: { number: 3, states: ["sum"] },
  lion: { number: 4, states: ["exp_avg"] },
};

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
    const own = { values: values.flat.handle, gradients: gradients.flat.handle, states: [of(a), of(b), of(c)] as [ArrayHandle?, ArrayHandle?, ArrayHandle?] };
    for (const { segment } of segments) for (const written of [values, ...Object.values(states)]) written.written(segment.index);
    return this.#queue(() =>
      this.#native.deviceUpdates.step(this.#device, kernel.number, own.values, own.gradients, own.states, ranges, rows, updateRules[rule].length),
    );
  }

  async norm(gradients: DeviceSegments, { segments }: DeviceParts, kind: number, exponent: number): Promise<GradientNorm> {
    // One range per parameter: what lies next to it does not change the sum's order.
    const ranges = Float64Array.from(segments.flatMap(({ segment }) => [segment.offset, segment.length, 0, 1]));
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

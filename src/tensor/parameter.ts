// Parameters: tensors that are trained.
import { inspect } from "node:util";
import { ArgumentError, ShapeError } from "../errors.js";
import type { ArenaSegment } from "./parameter-arena.js";
import { noteParameterChange } from "./parameter-changes.js";
import type { ConcreteState } from "./state.js";
import { Tensor } from "./tensor.js";

let nextId = 1;
/** Memory that a parameter writes to. */
const owned = new WeakSet<Float32Array>();
/**
 * A tensor that is trained: usable wherever a tensor is. Its numbers lie in an arena once an optimizer or a backward has
 * taken it in. Until then they are those of the tensor that it is made of, which belongs to the parameter from now on.
 *
 * @example
 * class Mix extends Module {
 *   readonly weight = new Parameter(tensor([[1, 2], [3, 4]]));
 *   forward(x: Tensor) { return x.matmul(this.weight); }
 * }
 */
export class Parameter<R extends number = number> extends Tensor<R, "float32"> {
  /** @internal Stable for the process; part of the structure of compiled programs. */
  readonly id: number = nextId++;
  #name = "";
  #requiresGrad: boolean;
  #own: Float32Array | undefined;
  #segment: ArenaSegment | undefined;
  #version = 0;

  constructor(value: Tensor<R>, options: { requiresGrad?: boolean } = {}) {
    const s = value.state;
    const data = s.kind === "concrete" ? s.data : s.kind === "lazy" ? (s.data ?? s.resident?.loadNow()) : undefined;
    if (!data || s.kind === "symbolic")
      throw new ArgumentError("a Parameter is made of a tensor whose values are known", {
        code: "ERR_PARAMETER_VALUE",
        hint: "make it in the constructor, from tensor(...), zeros(...) or an init function",
      });
    if (!(data instanceof Float32Array)) throw new ArgumentError(`a Parameter is float32, not ${value.dtype}`, { code: "ERR_DTYPE" });
    super("float32", { kind: "parameter", shape: s.shape });
    this.#own = owned.has(data) ? data.slice() : data;
    owned.add(this.#own);
    this.#requiresGrad = options.requiresGrad ?? true;
    noteParameterChange("made");
  }

  /** Its path in the module that was asked for its parameters: `encoder.layer.0.output.dense.weight`. */
  get name(): string {
    return this.#name;
  }
  /** @internal A longer path, seen from a module further out, wins. */
  named(name: string): void {
    if (name.length > this.#name.length) this.#name = name;
  }
  /** A frozen parameter (false) costs no gradient. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }
  set requiresGrad(value: boolean) {
    this.#requiresGrad = value;
    noteParameterChange("frozen");
  }
  /**
   * The gradient since the last zeroGrad, or undefined. Trained by one process it is a live view; trained by several, the mean over them once a whole window is accumulated:
   * reading it (`await p.grad.data()`) is then a collective that every worker has to make, and undefined is what no worker can know beforehand, so zeros stand for "none". Inside a window or
   * `noSync` it is what this worker has summed up so far.
   */
  get grad(): Tensor<R, "float32"> | undefined {
    const s = this.#segment;
    const exchange = s?.arena.exchange;
    if (s && exchange?.loads(s)) {
      const { own } = exchange;
      const load = () => exchange.read(this, { own });
      return Tensor.make("float32", {
        kind: "lazy",
        shape: this.shape,
        source: undefined,
        index: 0,
        used: true,
        users: [],
        data: undefined,
        expired: false,
        load,
      });
    }
    if (s?.hasGrad) s.rows?.expose();
    if (!s?.hasGrad) return undefined;
    const { shape } = this;
    if (!s.arena.device) return Tensor.make("float32", { kind: "concrete", shape, data: s.grad });
    // It comes down when somebody looks at it, and is fed where it lies.
    const onDevice: ConcreteState = {
      kind: "concrete",
      shape,
      place: () => s.arena.device!.grads.at(s.index),
      get data() {
        return s.grad;
      },
    };
    return Tensor.make("float32", onDevice);
  }

  /** The live numbers. After writing to them, call `changed()`. Of a parameter on a device they are a copy: ask for it again after each step. */
  values(): Float32Array {
    return this.#segment ? this.#segment.value : this.#own!;
  }
  /** Says that the numbers were written to, so that what was recorded with the old ones is known to be stale. */
  changed(): void {
    const device = this.#segment?.arena.device;
    // Whoever has not asked for the numbers since the device has changed them has not written any.
    if (device && !device.values.behind(this.#segment!.index)) device.values.hostWritten(this.#segment!.index);
    this.updated();
  }
  /** @internal The same, of numbers that were written where they lie: on a device, or on the host behind all copies. */
  updated(): void {
    this.#version++;
    noteParameterChange("values");
  }
  /** Copies numbers in. */
  set(values: Float32Array): void {
    const segment = this.#segment;
    const length = segment?.length ?? this.#own!.length;
    if (values.length !== length)
      throw new ShapeError(`parameter ${this.#name || "(unnamed)"} of shape [${this.shape.join(", ")}] cannot take ${values.length} numbers`);
    const device = segment?.arena.device;
    (device ? device.values.hostTarget(segment!.index) : this.values()).set(values);
    if (device) device.values.hostWritten(segment!.index);
    this.changed();
  }
  /** Goes up whenever its numbers may have changed. */
  get version(): number {
    return this.#version;
  }
  /** Its place in an arena, once it has one. */
  segment(): ArenaSegment | undefined {
    return this.#segment;
  }
  /** @internal The arena has copied the numbers. */
  moveTo(segment: ArenaSegment): void {
    this.#segment = segment;
    this.#own = undefined;
    noteParameterChange("places");
  }

  override [inspect.custom](): string {
    return `Parameter ${this.#name} float32 [${this.shape.join(", ")}]${this.#requiresGrad ? "" : " (frozen)"}`.replace("  ", " ");
  }
}

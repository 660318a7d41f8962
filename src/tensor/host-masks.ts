// Masks of dropout for devices that cannot draw them: one small program on the processor computes all of a run, with the bits that the processor's own runs draw.
import { Builder } from "../graph/builder.js";
import type { Dim, ShapeEnv } from "../graph/dims.js";
import { type DType, sizeOf } from "../graph/dtype.js";
import { float, Graph } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { Binding } from "../runtime/binding.js";
import type { Engine } from "../runtime/engine.js";
import type { Session } from "../runtime/session.js";
import type { SymbolSource } from "./forward-graph.js";
import type { Plan } from "./plan.js";

/** One mask of a program, what dropout makes of ones: 0 where a number is dropped, else 1 / (1 - ratio). */
export interface Mask {
  /** Position of the dropout key among the plan's feeds. */
  readonly key: number;
  readonly ratio: number;
  readonly site: number;
  readonly shape: readonly Dim[];
}

/** A mask's numbers. */
export interface HostMask {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The program: for each mask Dropout of ones, whose sizes are fed. */
function maskGraph(masks: readonly Mask[]): Graph {
  const graph = new Graph();
  const b = new Builder(graph);
  const keys = new Map([...new Set(masks.map(({ key }) => key))].map((key) => [key, graph.input(`key${key}`, "int64", [4])]));
  for (const [i, { key, ratio, site, shape }] of masks.entries()) {
    const sizes = graph.input(`sizes${i}`, "int64", [shape.length]);
    const ones = b.op("ConstantOfShape", [sizes], { value: { dtype: "float32", shape: [1], data: Float32Array.of(1) } });
    graph.output(b.op("Dropout", [ones, keys.get(key)!], { ratio: float(ratio), site }, { domain: "accelerate_ts" }), `mask${i}`);
  }
  return graph;
}

/**
 * The masks of the runs of one compiled program.
 *
 * @example
 * const masks = await HostMasks.compile(engine, built.masks, built.graph.env, built.symbols);
 * const fed = await masks.of(plan); // in the order of the slots of kind "mask"
 */
export class HostMasks {
  readonly #masks: readonly Mask[];
  readonly #env: ShapeEnv;
  readonly #symbols: readonly SymbolSource[];
  readonly #session: Session;
  readonly #binding: Binding;
  /** By position of the session's inputs: a key, or the sizes of a mask. */
  readonly #inputs: readonly ({ readonly key: number } | { readonly mask: number })[];
  /** Memory of the last run: the next one is queued behind whatever still reads it. */
  #memory: Float32Array[] = [];

  private constructor(masks: readonly Mask[], env: ShapeEnv, symbols: readonly SymbolSource[], session: Session) {
    this.#masks = masks;
    this.#env = env;
    this.#symbols = symbols;
    this.#session = session;
    this.#binding = session.createBinding();
    this.#inputs = session.inputs.map(({ name }) => {
      const position = Number(name.replace(/^\D+/, ""));
      return name.startsWith("key") ? { key: position } : { mask: position };
    });
  }

  static async compile(engine: Engine, masks: readonly Mask[], env: ShapeEnv, symbols: readonly SymbolSource[]): Promise<HostMasks> {
    return new HostMasks(masks, env, symbols, await engine.createSession(toOnnx(maskGraph(masks)), { name: "masks" }));
  }

  /** Computes the masks of a run. Their memory is used again by the next call. */
  async of(plan: Plan): Promise<readonly HostMask[]> {
    const sizes = new Map(this.#symbols.map(({ name, feed, dim }) => [name, plan.feeds[feed]!.shape[dim]!]));
    const shapes = this.#masks.map(({ shape }) => shape.map((d) => (typeof d === "number" ? d : this.#env.evaluate(d, sizes))));
    this.#memory = shapes.map((shape, i) => {
      const known = this.#memory[i];
      return known?.length === sizeOf(shape) ? known : new Float32Array(sizeOf(shape));
    });
    for (const [i, input] of this.#inputs.entries()) {
      if ("mask" in input) {
        const shape = shapes[input.mask]!;
        this.#binding.bindInput(i, BigInt64Array.from(shape, BigInt), [shape.length]);
        continue;
      }
      const { state } = plan.feeds[input.key]!;
      if (state.kind !== "concrete") throw new Error("a dropout key was computed");
      this.#binding.bindInput(i, state.data, [4]);
    }
    for (const [i, shape] of shapes.entries()) this.#binding.bindOutput(i, this.#memory[i]!, shape);
    await this.#binding.run();
    return shapes.map((shape, i) => ({ dtype: "float32", shape, data: this.#memory[i]! }));
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

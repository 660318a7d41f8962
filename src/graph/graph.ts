// The intermediate representation: a graph of nodes over typed values with symbolic shapes.
import { ArgumentError, ShapeError } from "../errors.js";
import { type Dim, type Shape, ShapeEnv } from "./dims.js";
import type { DType, TensorData } from "./dtype.js";
import { maxContent, maxRank, type OutputSpec } from "./op-def.js";
import { type OpTable, standardOps } from "./op-table.js";

export type AttributeValue = number | string | readonly number[] | readonly string[] | TensorData | Uint8Array | FloatAttribute | FloatsAttribute;
/** A number that ONNX stores as FLOAT; plain numbers are stored as INT. */
export interface FloatAttribute {
  readonly float: number;
}
/** As FloatAttribute, for lists. */
export interface FloatsAttribute {
  readonly floats: readonly number[];
}
/** Attributes by ONNX name. A name that begins with `_` is ours alone: rules read it, the ONNX writer leaves it out. */
export type Attributes = Readonly<Record<string, AttributeValue>>;
export const float = (value: number): FloatAttribute => ({ float: value });

/** One tensor of the graph. */
export class Value {
  name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Undefined for inputs and constants. */
  producer: Node | undefined = undefined;
  /** Which output of its producer it is. */
  index = 0;
  /** Its numbers, when they are part of the graph. */
  readonly constant: TensorData | undefined;
  /** The elements of a small int64 vector or scalar that holds sizes, as far as they are known: what Shape, Concat, ... make of dims. */
  readonly content: readonly Dim[] | undefined;

  constructor(name: string, dtype: DType, shape: Shape, options: { constant?: TensorData | undefined; content?: readonly Dim[] | undefined } = {}) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.constant = options.constant;
    this.content = options.content;
  }

  get rank(): number {
    return this.shape.length;
  }
}

/** One application of an op. */
export class Node {
  readonly op: string;
  /** "" for ONNX's own ops, "com.microsoft", "accelerate_ts". */
  readonly domain: string;
  readonly inputs: (Value | undefined)[];
  readonly outputs: Value[];
  readonly attributes: Attributes;
  readonly name: string;

  constructor(op: string, domain: string, inputs: readonly (Value | undefined)[], outputs: readonly Value[], attributes: Attributes, name: string) {
    this.op = op;
    this.domain = domain;
    this.inputs = [...inputs];
    this.outputs = [...outputs];
    this.attributes = attributes;
    this.name = name;
    for (const [i, out] of this.outputs.entries()) {
      out.producer = this;
      out.index = i;
    }
  }
}

export interface AddOptions {
  readonly domain?: string;
  /** How many outputs are wanted; default: as many as the op must have. */
  readonly outputs?: number;
  /** Prefix of the node's name, for error messages ("bert.encoder.layer.0"). */
  readonly scope?: string;
  /** The node's own name; default: its op. */
  readonly name?: string;
}

/** Dtypes of sizes and of conditions on them. */
const followed: ReadonlySet<DType> = new Set(["int64", "int32", "bool"]);

/** What no rule may make of any input: too many dims, sizes that are no sizes. */
function checkSpecs(specs: readonly OutputSpec[], name: string, op: string): void {
  for (const { shape } of specs) {
    if (shape.length > maxRank) throw new ShapeError(`node ${name} (${op}): the output has ${shape.length} dims`, { hint: `at most ${maxRank} are supported` });
    for (const d of shape)
      if (typeof d === "number" && !(d >= 0 && Number.isSafeInteger(d)))
        throw new ShapeError(`node ${name} (${op}): the output would be [${shape.join(", ")}]`);
  }
}

/**
 * A graph in topological order. `add` infers dtype and shape of the outputs by the op table and refuses what the op cannot take.
 *
 * @example
 * const g = new Graph();
 * const x = g.input("x", "float32", ["B", 4]);
 * const [y] = g.add("Tanh", [x]);
 * g.output(y!);
 */
export class Graph {
  readonly env: ShapeEnv;
  readonly ops: OpTable;
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly constants: Value[] = [];
  #names = new Map<string, number>();

  constructor(options: { env?: ShapeEnv; ops?: OpTable } = {}) {
    this.env = options.env ?? new ShapeEnv();
    this.ops = options.ops ?? standardOps;
  }

  #unique(name: string): string {
    const n = this.#names.get(name);
    this.#names.set(name, (n ?? 0) + 1);
    return n === undefined ? name : this.#unique(`${name}_${n}`);
  }

  /** `content`: see Value. */
  input(name: string, dtype: DType, shape: Shape, content?: readonly Dim[]): Value {
    for (const d of shape) if (typeof d === "string") this.env.symbol(undefined, d);
    const value = new Value(this.#unique(name), dtype, shape, { content });
    this.inputs.push(value);
    return value;
  }

  /** Numbers that are part of the graph. Never parameters: those are inputs. */
  constant(data: TensorData, name = "c"): Value {
    const small = followed.has(data.dtype) && data.shape.length <= 1 && data.data.length <= maxContent;
    const value = new Value(this.#unique(name), data.dtype, data.shape, {
      constant: data,
      content: small ? Array.from(data.data as ArrayLike<number | bigint>, Number) : undefined,
    });
    this.constants.push(value);
    return value;
  }

  add(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, options: AddOptions = {}): Value[] {
    const domain = options.domain ?? "";
    const plain = options.name ?? op;
    const name = this.#unique(options.scope ? `${options.scope}/${plain}` : plain);
    const def = this.ops.get(op, domain);
    if (!def) throw new ArgumentError(`op ${domain ? `${domain}.` : ""}${op} is not in the op table (node ${name})`, { code: "ERR_OP_UNKNOWN" });
    const specs = def.infer({ env: this.env, op, name, attributes, inputs, outputs: options.outputs ?? def.outputs[0] });
    checkSpecs(specs, name, op);
    const outputs = specs.map(
      (s, i) => new Value(this.#unique(specs.length === 1 ? `${name}_out` : `${name}_out${i}`), s.dtype, s.shape, { content: s.content }),
    );
    this.nodes.push(new Node(op, domain, inputs, outputs, attributes, name));
    return outputs;
  }

  /** Makes a value an output. One that has a name of its own already (an input, a constant, another output) gets the new name on a copy. */
  output(value: Value, name?: string): Value {
    const out = name !== undefined && (!value.producer || this.outputs.includes(value)) ? this.add("Identity", [value])[0]! : value;
    if (name !== undefined) out.name = this.#unique(name);
    this.outputs.push(out);
    return out;
  }
}

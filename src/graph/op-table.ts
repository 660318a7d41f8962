// What an op is to the graph: its arity and its shape rule, in one table by domain and name.
import { ArgumentError, ShapeError } from "../errors.js";
import type { Dim, Shape, ShapeEnv } from "./dims.js";
import type { DType } from "./dtype.js";
import type { Attributes, Value } from "./graph.js";
import { standardOpDefs } from "./ops/index.js";

/** What a shape rule sees of the node that is being added. */
export interface InferContext {
  readonly env: ShapeEnv;
  readonly op: string;
  /** The node's name, for messages. */
  readonly name: string;
  readonly attributes: Attributes;
  readonly inputs: readonly (Value | undefined)[];
  /** How many outputs the caller wants. */
  readonly outputs: number;
}
export interface OutputSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Known elements of a small int64 vector or scalar (see Value.content). */
  readonly content?: readonly Dim[] | undefined;
}
export type Range = readonly [min: number, max: number];

export interface OpDef {
  readonly op: string;
  /** "" for ONNX's own ops. */
  readonly domain: string;
  readonly inputs: Range;
  readonly outputs: Range;
  /** Dtype and shape of the outputs; throws a ShapeError or ArgumentError that names the node. */
  readonly infer: (ctx: InferContext) => readonly OutputSpec[];
}

export const maxVariadic = Number.MAX_SAFE_INTEGER;

/** Ops by domain and name. Users may add their own to a table of theirs. */
export class OpTable {
  readonly #defs = new Map<string, OpDef>();

  constructor(defs: Iterable<OpDef>) {
    for (const def of defs) this.register(def);
  }

  register(def: OpDef): this {
    this.#defs.set(`${def.domain}:${def.op}`, {
      ...def,
      infer: (ctx) => {
        if (ctx.inputs.length < def.inputs[0] || ctx.inputs.length > def.inputs[1]) {
          throw new ArgumentError(`node ${ctx.name}: ${def.op} takes ${def.inputs[0]} to ${def.inputs[1]} inputs, got ${ctx.inputs.length}`, { code: "ERR_OP_ARITY" });
        }
        try {
          return def.infer(ctx);
        } catch (error) {
          if (!(error instanceof ShapeError) || error.message.startsWith("node ")) throw error;
          throw new ShapeError(`node ${ctx.name} (${def.op}): ${error.message}`, { cause: error });
        }
      },
    });
    return this;
  }

  get(op: string, domain = ""): OpDef | undefined {
    return this.#defs.get(`${domain}:${op}`);
  }

  *[Symbol.iterator](): IterableIterator<OpDef> {
    yield* this.#defs.values();
  }
}

/** The ops that the library knows. */
export const standardOps = new OpTable(standardOpDefs);

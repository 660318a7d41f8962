// The ops that a graph may hold, in one table by domain and name.
import { ArgumentError, ShapeError } from "../errors.js";
import type { OpDef } from "./op-def.js";
import { standardOpDefs } from "./ops/index.js";

export { type InferContext, maxVariadic, type OpDef, type OutputSpec, type Range } from "./op-def.js";

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
          throw new ArgumentError(`node ${ctx.name}: ${def.op} takes ${def.inputs[0]} to ${def.inputs[1]} inputs, got ${ctx.inputs.length}`, {
            code: "ERR_OP_ARITY",
          });
        }
        if (ctx.outputs > def.outputs[1])
          throw new ArgumentError(`node ${ctx.name}: ${def.op} has at most ${def.outputs[1]} outputs, ${ctx.outputs} were asked for`, { code: "ERR_OP_ARITY" });
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

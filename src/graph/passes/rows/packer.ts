// Computes what is wanted on a list of rows.
import type { Builder } from "../../builder.js";
import { dtypes } from "../../dtype.js";
import type { Node, Value } from "../../graph.js";
import type { Demand } from "./demand.js";
import type { Lead, RowSet } from "./row-set.js";

const scopeOf = (node: Node): string => node.name.slice(0, Math.max(0, node.name.lastIndexOf("/")));

/** The rows of a value: [T, ..]. Gradients of floats are added up row by row, exactly and without order. */
export function gatherRows(b: Builder, x: Value, lead: Lead, rows: RowSet): Value {
  if (lead === 1) return b.gather(x, rows.flat, 0);
  const rest = b.graph.env.resolveShape(x.shape.slice(2));
  const flattens = dtypes[x.dtype].kind === "float" && rest.every((d) => typeof d === "number");
  if (!flattens) return b.op("GatherND", [x, rows.places]);
  return b.gather(b.op("Reshape", [x, b.int64([-1, ...(rest as number[])])]), rows.flat, 0);
}

/** The nodes of a demand on a set of rows, added behind the others. */
export class Packer {
  readonly #b: Builder;
  readonly #demand: Demand;
  readonly rows: RowSet;
  readonly #packed = new Map<Value, Value>();

  constructor(b: Builder, demand: Demand, rows: RowSet) {
    this.#b = b;
    this.#demand = demand;
    this.rows = rows;
    const scope = b.scope;
    for (const [node, plan] of demand.plans) {
      b.scope = scopeOf(node);
      const inputs = node.inputs.map((x, i) => {
        const use = plan.uses[i]!;
        return x && (use.kind === "rows" ? this.of(x) : use.kind === "broadcast" ? use.take(b, x, rows) : x);
      });
      const outputs = plan.build(b, inputs, rows);
      for (const [i, out] of node.outputs.entries()) this.#packed.set(out, outputs[i]!);
    }
    b.scope = scope;
  }

  /** The rows of a wanted value. */
  of(x: Value): Value {
    const known = this.#packed.get(x);
    if (known) return known;
    const made = gatherRows(this.#b, x, this.#demand.wanted.get(x)!, this.rows);
    this.#packed.set(x, made);
    return made;
  }
}

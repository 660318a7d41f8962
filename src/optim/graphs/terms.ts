// What the rule of an update is written in: values of a graph, and constants that are fed or known.
import type { Builder } from "../../graph/builder.js";
import type { Value } from "../../graph/graph.js";

/** Constants of a row: those of 0 and 1 that are part of a graph's structure, and the others, fed as scalars. */
export interface RowTerms {
  readonly known: Readonly<Record<string, 0 | 1>>;
  readonly fed: Readonly<Record<string, Value>>;
}

/** Arithmetic of a rule. A product with a known 0 or 1 costs nothing. */
export class Terms {
  readonly b: Builder;
  readonly #row: RowTerms;

  constructor(b: Builder, row: RowTerms) {
    this.b = b;
    this.#row = row;
  }

  is(field: string, value: 0 | 1): boolean {
    return this.#row.known[field] === value;
  }
  constant(field: string): Value {
    return this.#row.fed[field]!;
  }
  /** field * x */
  times(field: string, x: Value): Value {
    return this.is(field, 1) ? x : this.b.mul(x, this.constant(field));
  }
  /** y + field * x */
  plus(y: Value, field: string, x: Value): Value {
    return this.is(field, 0) ? y : this.b.add(y, this.times(field, x));
  }
  /** field * y + x */
  scaled(field: string, y: Value, x: Value): Value {
    return this.is(field, 0) ? x : this.b.add(this.times(field, y), x);
  }
  square(x: Value): Value {
    return this.b.mul(x, x);
  }
  sqrt(x: Value): Value {
    return this.b.unary("Sqrt", x);
  }
  addTo(x: Value, field: string): Value {
    return this.is(field, 0) ? x : this.b.add(x, this.constant(field));
  }
  /** -1, 0 or 1: Sign itself is not there on every device. */
  sign(x: Value): Value {
    const zero = this.b.scalar(0, "float32");
    const [above, below] = [this.b.op("Greater", [x, zero]), this.b.op("Less", [x, zero])];
    return this.b.sub(this.b.cast(above, "float32"), this.b.cast(below, "float32"));
  }
  /** Over everything, or over some dims, which stay as 1. */
  mean(x: Value, axes: readonly number[] | undefined): Value {
    return this.b.reduce("ReduceMean", x, axes, axes !== undefined);
  }
}

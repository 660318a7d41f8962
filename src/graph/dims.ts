// Symbolic sizes: a small algebra over named dims, what may be assumed of them (guards), and their evaluation.
import { ShapeError } from "../errors.js";

/** A size: known, or the name of a symbol or of an expression over symbols (`d0`, `(d0*d1)`). */
export type Dim = number | string;
export type Shape = readonly Dim[];

export type Operator = "+" | "-" | "*" | "/" | "min" | "max";
interface Expression {
  readonly operator: Operator;
  readonly a: Dim;
  readonly b: Dim;
}
/** Two sizes that were taken to be equal while the graph was built. */
export interface Guard {
  readonly a: Dim;
  readonly b: Dim;
}

const operators: { readonly [O in Operator]: (a: number, b: number) => number } = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => Math.floor(a / b),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
};

/**
 * The sizes of one graph. A symbol may carry a hint, its size in the run that is being recorded: wherever a rule must
 * know whether two sizes agree (broadcasting), the hints decide and the decision becomes a guard. A compiled graph is
 * valid for every assignment of its symbols under which all its guards hold.
 */
export class ShapeEnv {
  readonly guards: Guard[] = [];
  readonly #hints = new Map<string, number>();
  readonly #expressions = new Map<string, Expression>();
  readonly #same = new Map<string, Dim>();
  #next = 0;

  /** A new symbol; without a name it gets the next `d<n>`. */
  symbol(hint?: number, name: string = `d${this.#next++}`): string {
    if (hint !== undefined) this.#hints.set(name, hint);
    return name;
  }

  /** The representative of a dim after what has been unified so far. */
  resolve(dim: Dim): Dim {
    let d = dim;
    for (;;) {
      if (typeof d === "number") return d;
      const next = this.#same.get(d);
      if (next === undefined) return d;
      d = next;
    }
  }

  resolveShape(shape: Shape): Shape {
    return shape.map((d) => this.resolve(d));
  }

  /** The size in the recorded run, if it is known. */
  hint(dim: Dim): number | undefined {
    const d = this.resolve(dim);
    if (typeof d === "number") return d;
    const known = this.#hints.get(d);
    if (known !== undefined) return known;
    const e = this.#expressions.get(d);
    if (!e) return undefined;
    const a = this.hint(e.a);
    const b = this.hint(e.b);
    return a === undefined || b === undefined ? undefined : operators[e.operator](a, b);
  }

  /** Takes two dims to be the same size from now on. The caller has made sure that the hints allow it. */
  unify(a: Dim, b: Dim): Dim {
    const ra = this.resolve(a);
    const rb = this.resolve(b);
    if (ra === rb) return ra;
    this.guards.push({ a: ra, b: rb });
    if (typeof ra === "string" && (typeof rb === "number" || this.#expressions.has(ra) || !this.#expressions.has(rb))) {
      this.#same.set(ra, rb);
      return rb;
    }
    this.#same.set(rb as string, ra);
    return ra;
  }

  /** Whether two dims are the same size; hints decide, and a yes becomes a guard. Without hints, only what is surely equal is. */
  equal(a: Dim, b: Dim): boolean {
    const ra = this.resolve(a);
    const rb = this.resolve(b);
    if (ra === rb) return true;
    const ha = this.hint(ra);
    const hb = this.hint(rb);
    if (ha === undefined || hb === undefined || ha !== hb) return false;
    this.unify(ra, rb);
    return true;
  }

  /**
   * The size of two dims under numpy's broadcasting. A literal 1 broadcasts; a symbol broadcasts only if its hint is 1
   * and the other's is not, and is then fixed to 1. Returns undefined when the sizes cannot meet.
   */
  broadcast(a: Dim, b: Dim): Dim | undefined {
    const ra = this.resolve(a);
    const rb = this.resolve(b);
    if (ra === rb || rb === 1) return ra;
    if (ra === 1) return rb;
    const ha = this.hint(ra);
    const hb = this.hint(rb);
    if (ha === undefined || hb === undefined) return typeof ra === "number" && typeof rb === "number" ? undefined : this.unify(ra, rb);
    if (ha === hb) return this.unify(ra, rb);
    if (ha === 1) return this.unify(ra, 1) === 1 ? rb : undefined;
    if (hb === 1) return this.unify(rb, 1) === 1 ? ra : undefined;
    return undefined;
  }

  /** The shape of several shapes under broadcasting; throws a ShapeError that shows both. */
  broadcastShapes(...shapes: readonly Shape[]): Shape {
    let out: Shape = [];
    for (const shape of shapes) {
      const rank = Math.max(out.length, shape.length);
      const next: Dim[] = [];
      for (let i = 0; i < rank; i++) {
        const a = out[i - rank + out.length] ?? 1;
        const b = shape[i - rank + shape.length] ?? 1;
        const d = this.broadcast(a, b);
        if (d === undefined)
          throw new ShapeError(`shapes ${this.show(out)} and ${this.show(shape)} do not broadcast: ${this.showDim(a)} against ${this.showDim(b)} in dim ${i}`);
        next.push(d);
      }
      out = next;
    }
    return out;
  }

  add(a: Dim, b: Dim): Dim {
    return this.#combine("+", a, b);
  }
  sub(a: Dim, b: Dim): Dim {
    return this.#combine("-", a, b);
  }
  mul(a: Dim, b: Dim): Dim {
    return this.#combine("*", a, b);
  }
  /** Division that is known to have no remainder, or is rounded down. */
  div(a: Dim, b: Dim): Dim {
    return this.#combine("/", a, b);
  }
  /** The smaller size. Hints decide, and the decision becomes a guard; without them the first is taken to be it. */
  min(a: Dim, b: Dim): Dim {
    return this.#extreme("min", a, b);
  }
  /** The greater size; decided like `min`. */
  max(a: Dim, b: Dim): Dim {
    return this.#extreme("max", a, b);
  }
  #extreme(operator: "min" | "max", x: Dim, y: Dim): Dim {
    const a = this.resolve(x);
    const b = this.resolve(y);
    if (typeof a === "number" && typeof b === "number") return operators[operator](a, b);
    if (a === b || b === 0) return operator === "max" ? a : b;
    if (a === 0) return operator === "max" ? b : a;
    const ha = this.hint(a);
    const hb = this.hint(b);
    const chosen = ha === undefined || hb === undefined || operators[operator](ha, hb) === ha ? a : b;
    this.unify(this.#expression(operator, a, b), chosen);
    return chosen;
  }
  product(dims: Shape): Dim {
    return dims.reduce<Dim>((a, b) => this.mul(a, b), 1);
  }

  #factors(dim: Dim): Dim[] {
    const d = this.resolve(dim);
    const e = typeof d === "string" ? this.#expressions.get(d) : undefined;
    return e?.operator === "*" ? [...this.#factors(e.a), ...this.#factors(e.b)] : [d];
  }

  #combine(operator: Operator, x: Dim, y: Dim): Dim {
    const a = this.resolve(x);
    const b = this.resolve(y);
    if (typeof a === "number" && typeof b === "number") return operators[operator](a, b);
    if ((operator === "+" || operator === "-") && b === 0) return a;
    if (operator === "+" && a === 0) return b;
    if ((operator === "*" || operator === "/") && b === 1) return a;
    if (operator === "*" && a === 1) return b;
    if (operator === "-" && a === b) return 0;
    if (operator === "/") {
      const rest = this.#factors(a);
      let number = 1;
      const open: Dim[] = [];
      for (const f of this.#factors(b)) {
        const at = rest.indexOf(f);
        if (at >= 0) rest.splice(at, 1);
        else if (typeof f === "number") number *= f;
        else open.push(f);
      }
      const literal = rest.filter((f) => typeof f === "number").reduce<number>((p, f) => p * (f as number), 1);
      if (open.length === 0 && literal % number === 0) return this.product([literal / number, ...rest.filter((f) => typeof f === "string")]);
      return this.#expression("/", a, b);
    }
    if (operator === "*") {
      const all = [...this.#factors(a), ...this.#factors(b)];
      const literal = all.filter((f) => typeof f === "number").reduce<number>((p, f) => p * (f as number), 1);
      if (literal === 0) return 0;
      const names = all.filter((f) => typeof f === "string").sort();
      const sorted: Dim[] = literal === 1 ? names : [literal, ...names];
      return sorted.slice(1).reduce<Dim>((p, f) => this.#expression("*", p, f), sorted[0]!);
    }
    return this.#expression(operator, a, b);
  }

  #expression(operator: Operator, a: Dim, b: Dim): Dim {
    const name = operator.length > 1 ? `${operator}(${a},${b})` : `(${a}${operator}${b})`;
    if (!this.#expressions.has(name)) this.#expressions.set(name, { operator, a, b });
    return this.resolve(name);
  }

  /** The operands of a composite size, or undefined for a symbol. */
  parts(dim: Dim): { readonly operator: Operator; readonly a: Dim; readonly b: Dim } | undefined {
    return typeof dim === "string" ? this.#expressions.get(dim) : undefined;
  }

  /** The size for given sizes of the symbols. */
  evaluate(dim: Dim, values: ReadonlyMap<string, number>): number {
    if (typeof dim === "number") return dim;
    const value = values.get(dim);
    if (value !== undefined) return value;
    const e = this.#expressions.get(dim);
    if (e) return operators[e.operator](this.evaluate(e.a, values), this.evaluate(e.b, values));
    const same = this.#same.get(dim);
    if (same !== undefined) return this.evaluate(same, values);
    throw new ShapeError(`size ${dim} has no value`);
  }

  /** Whether every guard holds for given sizes of the symbols. */
  holds(values: ReadonlyMap<string, number>): boolean {
    return this.guards.every((g) => this.evaluate(g.a, values) === this.evaluate(g.b, values));
  }

  showDim(dim: Dim): string {
    const d = this.resolve(dim);
    const hint = this.hint(d);
    return typeof d === "string" && hint !== undefined ? `${hint}` : `${d}`;
  }
  show(shape: Shape): string {
    return `[${shape.map((d) => this.showDim(d)).join(", ")}]`;
  }
}

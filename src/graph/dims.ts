// The sizes of one graph: what may be assumed of them (guards), broadcasting, and whether an assignment of sizes fits.
import { ShapeError } from "../errors.js";
import { type Dim, operators, type Shape, SizeAlgebra } from "./sizes.js";

export type { Dim, Operator, Shape } from "./sizes.js";

/** Two sizes that were taken to be equal while the graph was built. */
export interface Guard {
  readonly a: Dim;
  readonly b: Dim;
}

/**
 * The sizes of one graph. A symbol may carry a hint, its size in the run that is being recorded: wherever a rule must
 * know whether two sizes agree (broadcasting), the hints decide and the decision becomes a guard. A compiled graph is
 * valid for every assignment of its symbols under which all its guards hold.
 */
export class ShapeEnv extends SizeAlgebra {
  readonly guards: Guard[] = [];

  /** Takes two dims to be the same size from now on. The caller has made sure that the hints allow it. */
  unify(a: Dim, b: Dim): Dim {
    const ra = this.resolve(a);
    const rb = this.resolve(b);
    if (ra === rb) return ra;
    this.guards.push({ a: ra, b: rb });
    return this.link(ra, rb);
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
    // A difference that is a number decides it for good; and no size is below 0.
    const difference = a === 0 ? -1 : b === 0 ? 1 : this.difference(a, b);
    if (difference !== undefined) return (operator === "min") === difference <= 0 ? a : b;
    const ha = this.hint(a);
    const hb = this.hint(b);
    const chosen = ha === undefined || hb === undefined || operators[operator](ha, hb) === ha ? a : b;
    this.unify(this.combine(operator, a, b), chosen);
    return chosen;
  }

  /** Whether every guard holds for given sizes of the symbols. Guards on sizes that only the run tells are left to the run. */
  holds(values: ReadonlyMap<string, number>): boolean {
    return this.guards.every((g) => {
      const [a, b] = [this.tryEvaluate(g.a, values), this.tryEvaluate(g.b, values)];
      if (a !== undefined && b !== undefined) return a === b;
      if (this.isUnknown(g.a) || this.isUnknown(g.b)) return true;
      throw new ShapeError(`the guard ${g.a} = ${g.b} has symbols without a value`);
    });
  }
  show(shape: Shape): string {
    return `[${shape.map((d) => this.showDim(d)).join(", ")}]`;
  }
}

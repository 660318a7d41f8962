// The algebra of sizes: symbols, composite sizes in a normal form, and what they were found to be the same as.
import { ShapeError } from "../errors.js";
import * as poly from "./polynomial.js";

/** A size: known, or the name of a symbol or of an expression over symbols (`d0`, `(d0*d1)`). */
export type Dim = number | string;
export type Shape = readonly Dim[];

export type Operator = "+" | "-" | "*" | "/" | "min" | "max";
interface Operation {
  readonly operator: Operator;
  readonly a: Dim;
  readonly b: Dim;
}
export const operators: { readonly [O in Operator]: (a: number, b: number) => number } = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => Math.floor(a / b),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
};

/** Expressions longer than this become symbols of their own; no model has them, a malicious file may. */
const maxLength = 400;

/**
 * Symbols and what is computed of them. Composite sizes are kept in a normal form (sums of products), so `(B+1)*S - S` and `B*S` are one size.
 */
export class SizeAlgebra {
  readonly #symbols = new Set<string>();
  readonly #hints = new Map<string, number>();
  /** Symbols whose size only a run can tell. */
  readonly #unknown = new Set<string>();
  /** Normal forms of composite sizes. */
  readonly #forms = new Map<string, poly.Polynomial>();
  /** Quotients, minima and maxima that have no simpler form: atoms of the polynomials. */
  readonly #atoms = new Map<string, Operation>();
  /** What a size was found to be the same as. Never leads back to itself, also not through the atoms of a form. */
  readonly #same = new Map<string, Dim>();
  /** How many links there were when a composite size was last brought to its form. */
  readonly #seen = new Map<string, number>();
  #links = 0;
  #next = 0;

  /** A new symbol; without a name it gets the next `d<n>`. A known name gets the new hint. */
  symbol(hint?: number, name?: string): string {
    const symbol = name ?? this.#fresh();
    this.#symbols.add(symbol);
    if (hint !== undefined) this.#hints.set(symbol, hint);
    return symbol;
  }
  /** A size that only a run can tell (how many elements are not zero); guards that involve it cannot be checked before. */
  unknown(hint?: number): string {
    const symbol = this.symbol(hint);
    this.#unknown.add(symbol);
    return symbol;
  }
  #fresh(): string {
    let name: string;
    do name = `d${this.#next++}`;
    while (this.#symbols.has(name));
    return name;
  }

  /** The representative of a dim after what has been unified so far. */
  resolve(dim: Dim): Dim {
    let d = dim;
    for (;;) {
      if (typeof d === "number") return d;
      const next: Dim | undefined = this.#same.get(d) ?? this.#renewed(d);
      if (next === undefined) return d;
      d = next;
    }
  }

  resolveShape(shape: Shape): Shape {
    return shape.map((d) => this.resolve(d));
  }

  /** Where something was unified since, the form of a composite size with the representatives of its atoms, if that is another one. */
  #renewed(name: string): Dim | undefined {
    const seen = this.#seen.get(name);
    if (seen === undefined || seen === this.#links) return undefined;
    this.#seen.set(name, this.#links);
    const operation = this.#atoms.get(name);
    const form = this.#forms.get(name);
    let renewed: Dim = name;
    if (operation) {
      const [a, b] = [this.resolve(operation.a), this.resolve(operation.b)];
      if (a !== operation.a || b !== operation.b) renewed = this.combine(operation.operator, a, b);
    } else if (form?.some((t) => t.atoms.some((x) => this.resolve(x) !== x))) {
      let sum: poly.Polynomial = [];
      for (const term of form) {
        let product: poly.Polynomial | undefined = poly.number(term.coefficient);
        for (const x of term.atoms) product = product && poly.multiply(product, this.#form(this.resolve(x)));
        if (!product) return undefined;
        sum = poly.add(sum, product);
      }
      renewed = this.#name(sum);
    }
    if (renewed === name) return undefined;
    this.#same.set(name, renewed);
    return renewed;
  }

  /** The size in the recorded run, if it is known. */
  hint(dim: Dim): number | undefined {
    if (typeof dim === "number") return dim;
    const d = this.resolve(dim);
    if (typeof d === "number") return d;
    return this.#hints.get(d) ?? this.#compute(d, (x) => this.hint(x));
  }

  /** A composite size from the sizes of its parts; undefined for a symbol, or where a part is. */
  #compute(name: string, size: (dim: Dim) => number | undefined): number | undefined {
    const operation = this.#atoms.get(name);
    if (operation) {
      const [a, b] = [size(operation.a), size(operation.b)];
      return a === undefined || b === undefined ? undefined : operators[operation.operator](a, b);
    }
    const form = this.#forms.get(name);
    return form && this.#sum(form, size);
  }
  #sum(form: poly.Polynomial, size: (dim: Dim) => number | undefined): number | undefined {
    let sum = 0;
    for (const term of form) {
      let product = term.coefficient;
      for (const x of term.atoms) {
        const value = size(x);
        if (value === undefined) return undefined;
        product *= value;
      }
      sum += product;
    }
    return sum;
  }

  /** Whether the representative of `dim` is made of `name`. */
  #contains(dim: Dim, name: string): boolean {
    const d = this.resolve(dim);
    if (typeof d === "number") return false;
    if (d === name) return true;
    const operation = this.#atoms.get(d);
    if (operation) return this.#contains(operation.a, name) || this.#contains(operation.b, name);
    return this.#forms.get(d)?.some((t) => t.atoms.some((x) => this.#contains(x, name))) ?? false;
  }

  /** Lets a dim stand for another from now on. Numbers stand for symbols, symbols for expressions; nothing for what it is made of. */
  protected link(ra: Dim, rb: Dim): Dim {
    const composite = (d: Dim) => typeof d === "string" && this.#seen.has(d);
    const [from, to] = typeof ra === "string" && (typeof rb === "number" || composite(ra) || !composite(rb)) && !this.#contains(rb, ra) ? [ra, rb] : [rb, ra];
    if (typeof from === "string" && !this.#contains(to, from)) {
      this.#same.set(from, to);
      this.#links++;
    }
    return to;
  }

  add(a: Dim, b: Dim): Dim {
    return this.combine("+", a, b);
  }
  sub(a: Dim, b: Dim): Dim {
    return this.combine("-", a, b);
  }
  mul(a: Dim, b: Dim): Dim {
    return this.combine("*", a, b);
  }
  /** Division that is known to have no remainder, or is rounded down. */
  div(a: Dim, b: Dim): Dim {
    return this.combine("/", a, b);
  }
  product(dims: Shape): Dim {
    let number = 1;
    let out: Dim = 1;
    for (const dim of dims) {
      const d = this.resolve(dim);
      if (typeof d === "number") number *= d;
      else out = this.mul(out, d);
    }
    return this.mul(number, out);
  }

  /** The difference of two sizes, if it is a number whatever the symbols are. */
  protected difference(a: Dim, b: Dim): number | undefined {
    return poly.asNumber(poly.subtract(this.#form(this.resolve(a)), this.#form(this.resolve(b))));
  }

  /** The normal form of a representative. */
  #form(d: Dim): poly.Polynomial {
    return typeof d === "number" ? poly.number(d) : (this.#forms.get(d) ?? poly.atom(d));
  }

  protected combine(operator: Operator, x: Dim, y: Dim): Dim {
    const a = this.resolve(x);
    const b = this.resolve(y);
    if (typeof a === "number" && typeof b === "number") {
      if (operator === "/" && b === 0) throw new ShapeError(`size ${a} divided by 0`);
      // No size is -0.
      return operators[operator](a, b) + 0;
    }
    if (b === 0 && (operator === "+" || operator === "-")) return a;
    if (b === 1 && (operator === "*" || operator === "/")) return a;
    if (a === 0 && operator === "+") return b;
    if (a === 1 && operator === "*") return b;
    if (operator === "+") return this.#name(poly.add(this.#form(a), this.#form(b)));
    if (operator === "-") return this.#name(poly.subtract(this.#form(a), this.#form(b)));
    if (operator === "*") {
      const product = poly.multiply(this.#form(a), this.#form(b));
      return product ? this.#name(product) : this.#opaque({ operator, a, b });
    }
    if (operator === "/") {
      if (b === 0) throw new ShapeError(`size ${this.showDim(a)} divided by 0`);
      const quotient = poly.divide(this.#form(a), this.#form(b));
      if (quotient) return this.#name(quotient);
    }
    return this.#atom({ operator, a, b });
  }

  /** The dim with a normal form. */
  #name(form: poly.Polynomial): Dim {
    const number = poly.asNumber(form);
    if (number !== undefined) return number;
    const name = poly.show(form);
    const single = form.length === 1 && form[0]!.coefficient === 1 && form[0]!.atoms.length === 1;
    if (single || this.#seen.has(name)) return this.resolve(name);
    if (name.length > maxLength || !poly.isExact(form)) return this.unknown(this.#sum(form, (x) => this.hint(x)));
    this.#forms.set(name, form);
    this.#seen.set(name, this.#links);
    return name;
  }
  /** The dim of a quotient, minimum or maximum. */
  #atom(operation: Operation): Dim {
    const { operator, a, b } = operation;
    const name = operator === "/" ? `(${a}/${b})` : `${operator}(${[a, b].sort().join(",")})`;
    if (this.#seen.has(name)) return this.resolve(name);
    if (name.length > maxLength) return this.#opaque(operation);
    this.#atoms.set(name, operation);
    this.#seen.set(name, this.#links);
    return name;
  }

  /** An operation that is not followed further. */
  #opaque({ operator, a, b }: Operation): Dim {
    const [x, y] = [this.hint(a), this.hint(b)];
    return this.unknown(x === undefined || y === undefined ? undefined : operators[operator](x, y));
  }

  /** The operands of a composite size, or undefined for a symbol. */
  parts(dim: Dim): { readonly operator: Operator; readonly a: Dim; readonly b: Dim } | undefined {
    if (typeof dim === "number") return undefined;
    const operation = this.#atoms.get(dim);
    if (operation) return operation;
    const form = this.#forms.get(dim);
    if (!form) return undefined;
    const last = form.at(-1)!;
    if (form.length > 1) {
      const rest = this.#name(form.slice(0, -1));
      return last.coefficient < 0 ? { operator: "-", a: rest, b: this.#name(poly.scale([last], -1)) } : { operator: "+", a: rest, b: this.#name([last]) };
    }
    if (last.coefficient !== 1) return { operator: "*", a: last.coefficient, b: this.#name([{ coefficient: 1, atoms: last.atoms }]) };
    return { operator: "*", a: last.atoms[0]!, b: this.#name([{ coefficient: 1, atoms: last.atoms.slice(1) }]) };
  }

  /** The size for given sizes of the symbols. */
  evaluate(dim: Dim, values: ReadonlyMap<string, number>): number {
    const size = this.tryEvaluate(dim, values);
    if (size === undefined) throw new ShapeError(`size ${dim} has no value`);
    return size;
  }
  protected tryEvaluate(dim: Dim, values: ReadonlyMap<string, number>): number | undefined {
    if (typeof dim === "number") return dim;
    const value = values.get(dim) ?? this.#compute(dim, (x) => this.tryEvaluate(x, values));
    if (value !== undefined) return value;
    const same = this.#same.get(dim);
    return same === undefined ? undefined : this.tryEvaluate(same, values);
  }

  /** Whether a size, as it was written, involves one that only a run tells. */
  isUnknown(dim: Dim): boolean {
    if (typeof dim === "number") return false;
    const operation = this.#atoms.get(dim);
    if (operation) return this.isUnknown(operation.a) || this.isUnknown(operation.b);
    return this.#unknown.has(dim) || (this.#forms.get(dim)?.some((t) => t.atoms.some((x) => this.isUnknown(x))) ?? false);
  }

  /** A size for messages: the recorded one, where it is known. */
  showDim(dim: Dim): string {
    const d = this.resolve(dim);
    const hint = this.hint(d);
    return typeof d === "string" && hint !== undefined ? `${hint}` : `${d}`;
  }
}

// A choice of rows: of the tokens [B, S] of a batch, those that are computed, in a list.
import type { Builder } from "../../builder.js";
import type { Dim } from "../../dims.js";
import type { Value } from "../../graph.js";

/** The two dims that rows are counted in, in front of all others: [B, S, ..] of a value, or [B * S, ..] once it was flattened. */
export interface RowSpace {
  readonly batch: Dim;
  readonly tokens: Dim;
}
/** How many leading dims of a value its rows take: 2 of [B, S, ..], 1 of [B * S, ..]. */
export type Lead = 1 | 2;

/** How a set of rows is given: pairs [T, 2] (batch entry, token), both for themselves [T], or numbers [T] of rows, the rows of all batch entries being counted through. */
export type RowPlaces = { readonly places: Value } | { readonly batches: Value; readonly tokens: Value } | { readonly flat: Value };

/** The rows of a set, in the forms in which ops ask for them; each is made once, when it is asked for. */
export class RowSet {
  readonly #b: Builder;
  readonly #space: RowSpace;
  /** Whether no row occurs twice, and all stand in the order of their batch entries: so Attention wants them. */
  readonly ordered: boolean;
  readonly #made = new Map<string, Value>();

  constructor(b: Builder, space: RowSpace, given: RowPlaces, options: { readonly ordered: boolean }) {
    this.#b = b;
    this.#space = space;
    this.ordered = options.ordered;
    for (const [name, value] of Object.entries(given)) this.#made.set(name, value);
  }

  #once(name: string, make: () => Value): Value {
    const known = this.#made.get(name);
    if (known) return known;
    const scope = this.#b.scope;
    this.#b.scope = "rows";
    const value = make();
    this.#b.scope = scope;
    this.#made.set(name, value);
    return value;
  }
  #column(index: number): Value {
    return this.#b.squeeze(this.#b.slice(this.places, 1, index, index + 1), [1]);
  }
  #tokenCount(): Value {
    return this.#b.dim(this.#space.tokens);
  }

  /** int64 [T, 2]: (batch entry, token). */
  get places(): Value {
    return this.#once("places", () => this.#b.concat([this.#b.unsqueeze(this.batches, [1]), this.#b.unsqueeze(this.tokens, [1])], 1));
  }
  /** int64 [T]: number of the row, the tokens of all batch entries counted through. */
  get flat(): Value {
    return this.#once("flat", () => this.#b.add(this.#b.mul(this.batches, this.#tokenCount()), this.tokens));
  }
  /** int64 [T, 1]. */
  get flatPlaces(): Value {
    return this.#once("flatPlaces", () => this.#b.unsqueeze(this.flat, [1]));
  }
  /** int64 [T]. */
  get batches(): Value {
    return this.#once("batches", () => (this.#made.has("places") ? this.#column(0) : this.#b.div(this.flat, this.#tokenCount())));
  }
  /** int64 [T]. */
  get tokens(): Value {
    return this.#once("tokens", () => (this.#made.has("places") ? this.#column(1) : this.#b.op("Mod", [this.flat, this.#tokenCount()])));
  }
}

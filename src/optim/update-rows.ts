// Constants of an update: one row for all parameters that share hyperparameters, step count and scale.

/** Rows of one step, in the order in which they were first needed. */
export class UpdateRows<G> {
  readonly #make: (group: G, step: number, scale: number) => readonly number[];
  readonly #numbers: number[] = [];
  #rowOf = new Map<string, number>();
  #last: { readonly group: G; readonly step: number; readonly scale: number; readonly row: number } | undefined;

  constructor(make: (group: G, step: number, scale: number) => readonly number[]) {
    this.#make = make;
  }

  /** The number of the row. Groups come one after the other. */
  row(group: G, step: number, scale: number): number {
    // Nearly all parameters of a group have made as many steps: no key is made for them.
    if (this.#last?.group === group && this.#last.step === step && this.#last.scale === scale) return this.#last.row;
    if (this.#last?.group !== group) this.#rowOf = new Map();
    const key = `${step} ${scale}`;
    let row = this.#rowOf.get(key);
    if (row === undefined) {
      const constants = this.#make(group, step, scale);
      row = this.#numbers.length / constants.length;
      this.#rowOf.set(key, row);
      this.#numbers.push(...constants);
    }
    this.#last = { group, step, scale, row };
    return row;
  }
  /** All rows, one after the other. */
  get numbers(): Float64Array {
    return Float64Array.from(this.#numbers);
  }
}

// What only the data of a run can tell: conditions on the graph's inputs under which a compiled graph may be used.
import type { TypedArray } from "../dtype.js";
import type { Value } from "../graph.js";

/** The numbers that a run feeds to an input of the graph. */
export interface FedData {
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A condition on inputs of the graph. */
export interface Assumption {
  /** For reports: "attention_mask is 0 or 1". Two assumptions of one name over the same inputs are the same. */
  readonly name: string;
  /** Inputs of the graph. */
  readonly inputs: readonly Value[];
  /** Whether the data of a run, in the order of `inputs`, fulfil it. Looked at before every run: cheap. */
  holds(data: readonly FedData[]): boolean;
}

/**
 * Collects what passes assume. An assumption holds when this run's data fulfil it; it is then recorded, and the compiled graph serves other runs only where theirs do.
 *
 * @example
 * const assumptions = new Assumptions((input) => feeds.get(input));
 * if (assumptions.assume({ name: "mask is 1", inputs: [mask], holds: ([m]) => m!.data.every((x) => Number(x) === 1) })) graph.output(packed);
 */
export class Assumptions {
  readonly #fed: (input: Value) => FedData | undefined;
  readonly #made: Assumption[] = [];
  readonly #refused: Assumption[] = [];

  /** @param fed the data of this run; undefined for inputs that are not fed by data that can be looked at (parameters, values of a graph without a run) */
  constructor(fed: (input: Value) => FedData | undefined) {
    this.#fed = fed;
  }

  get made(): readonly Assumption[] {
    return this.#made;
  }
  /** What this run's data did not fulfil: a run whose data do is for another compiled graph. So the data of a run alone decide which graph computes it, whatever was run before. */
  get refused(): readonly Assumption[] {
    return this.#refused;
  }

  /** The data of this run, to be looked at without assuming anything; undefined where there is none. */
  look(inputs: readonly Value[]): readonly FedData[] | undefined {
    const data = inputs.map(this.#fed);
    return data.every((d) => d !== undefined) ? data : undefined;
  }

  assume(assumption: Assumption): boolean {
    if (
      this.#made.some((a) => a.name === assumption.name && a.inputs.length === assumption.inputs.length && a.inputs.every((v, i) => v === assumption.inputs[i]))
    )
      return true;
    const data = this.look(assumption.inputs);
    if (!data) return false;
    const holds = assumption.holds(data);
    (holds ? this.#made : this.#refused).push(assumption);
    return holds;
  }
}

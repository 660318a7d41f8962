// Errors of numbers: squared and absolute, of one output or several; the formulas of scikit-learn.
import { checkNumbers, checkRows, mean, refused, type Weighted, type WeightedRows } from "./inputs.js";

export interface Outputs {
  /** Rows of several outputs: their mean (default), or a weight for each. "raw_values" gives each by itself: `mseOfOutputs`, `maeOfOutputs`. */
  readonly multioutput?: "uniform_average" | readonly number[];
}
export type ErrorArgs = (Weighted | WeightedRows) & Outputs;

function errors(args: Weighted | WeightedRows, error: (difference: number) => number): number[] {
  checkNumbers(args);
  const { predictions, references, sampleWeight } = args;
  const inRows = checkRows({ predictions, references });
  const [p, r] = (
    inRows ? [predictions, references] : [predictions.map((v) => [v]), references.map((v) => [v])]
  ) as readonly (readonly (readonly number[])[])[];
  return p![0]!.map((_, k) =>
    mean(
      p!.map((row, i) => error(row[k]! - r![i]![k]!)),
      sampleWeight,
    ),
  );
}
function together(values: readonly number[], { multioutput = "uniform_average" }: Outputs): number {
  if (multioutput === "uniform_average") return mean(values);
  if (typeof multioutput === "string")
    throw refused(`multioutput is ${JSON.stringify(multioutput)}`, 'give "uniform_average" or weights; mseOfOutputs and maeOfOutputs give raw values');
  if (multioutput.length !== values.length) throw refused(`${multioutput.length} weights for ${values.length} outputs`, "give one weight for each output");
  return mean(values, multioutput);
}
const square = (d: number): number => d * d;

/**
 * The mean squared error; squared: false gives its root.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * mse({ predictions: [2.5, 0, 2, 8], references: [3, -0.5, 2, 7] }); // { mse: 0.375 }
 */
export function mse(args: ErrorArgs & { readonly squared?: boolean }): { mse: number } {
  const values = errors(args, square);
  return { mse: together(args.squared === false ? values.map(Math.sqrt) : values, args) };
}
/**
 * The mean absolute error.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * mae({ predictions: [2.5, 0, 2, 8], references: [3, -0.5, 2, 7] }); // { mae: 0.5 }
 */
export function mae(args: ErrorArgs): { mae: number } {
  return { mae: together(errors(args, Math.abs), args) };
}
/** The mean squared error of each output. */
export const mseOfOutputs = (args: WeightedRows & { readonly squared?: boolean }): { mse: number[] } => ({
  mse: errors(args, square).map((value) => (args.squared === false ? Math.sqrt(value) : value)),
});
/** The mean absolute error of each output. */
export const maeOfOutputs = (args: WeightedRows): { mae: number[] } => ({ mae: errors(args, Math.abs) });

// What a pass may learn of the data of the run at hand, and the sizes that can be read while a graph runs.
import { Builder } from "../../builder.js";
import { sizeOf } from "../../dtype.js";
import type { Graph, Value } from "../../graph.js";
import type { FedData } from "../assumptions.js";
import type { PassContext } from "../pass.js";
import { Evaluation, inputsOf } from "./evaluate.js";
import type { RowSpace } from "./row-set.js";

/** How many elements a value has in the run at hand; sizes that are not known count as 1. */
const elementsOf =
  (graph: Graph) =>
  (value: Value): number =>
    sizeOf(value.shape.map((d) => graph.env.hint(d) ?? 1));

/** Expressions over the data of a run. */
export interface Known {
  /** The inputs of the graph behind them. */
  readonly inputs: readonly Value[];
  readonly values: Evaluation;
}

/** The inputs with their data, as an assumption is given them. */
export const evaluation = (inputs: readonly Value[], data: readonly FedData[]): Evaluation => new Evaluation(new Map(inputs.map((v, i) => [v, data[i]!])));

/** Expressions for the run at hand; undefined where there is no data, or they are none that can be evaluated without an engine. */
export function know(graph: Graph, context: PassContext, expressions: readonly Value[]): Known | undefined {
  const inputs = inputsOf(expressions, elementsOf(graph));
  if (!inputs) return undefined;
  const data = context.look(inputs);
  return data && { inputs, values: evaluation(inputs, data) };
}

/**
 * Whether the data of this run fulfil a condition on some expressions. Where they do not, that is noted, so that runs whose data do get a program of their own; where they do, nothing is assumed yet.
 */
export function fulfilled(graph: Graph, context: PassContext, name: string, expressions: readonly Value[], holds: (values: Evaluation) => boolean): boolean {
  const known = know(graph, context, expressions);
  if (!known) return false;
  if (holds(known.values)) return true;
  context.assume({ name, inputs: known.inputs, holds: (data) => holds(evaluation(known.inputs, data)) });
  return false;
}

/** A builder that knows where to read the sizes of the graph's inputs. */
export function builderOf(graph: Graph): Builder {
  const b = new Builder(graph);
  for (const input of graph.inputs) b.source(input);
  return b;
}

/** Whether both sizes can be read from inputs of the graph. */
export function canRead(graph: Graph, space: RowSpace): boolean {
  const { env } = graph;
  const dims = new Set(graph.inputs.flatMap((v) => env.resolveShape(v.shape)));
  return [space.batch, space.tokens].every((d) => typeof env.resolve(d) === "number" || dims.has(env.resolve(d)));
}

// Layer normalization as exporters write it where their opset has none: composed of means and a square root, it becomes LayerNormalization.
import { float, type Graph, type Node, type Value } from "../../graph.js";
import { isVectorOver, made, reducesLast, replaceMatches, scalarOf } from "./match.js";

interface Composed {
  readonly x: Value;
  readonly scale: Value;
  readonly shift: Value;
  readonly epsilon: number;
}

const keeps = (node: Node | undefined): Node | undefined => (node && reducesLast(node) && node.attributes.keepdims !== 0 ? node : undefined);

/** Whether a value is d^2. */
function isSquare(value: Value | undefined, d: Value): boolean {
  const pow = made(value, "Pow");
  const mul = made(value, "Mul");
  return (pow?.inputs[0] === d && scalarOf(pow.inputs[1]) === 2) || (mul?.inputs[0] === d && mul.inputs[1] === d);
}

/** Both ways around an op of two operands. */
const eitherWay = (node: Node): readonly (readonly [Value, Value])[] => [
  [node.inputs[0]!, node.inputs[1]!],
  [node.inputs[1]!, node.inputs[0]!],
];

/** (x - mean) / sqrt(mean((x - mean)^2) + epsilon): x and epsilon. */
function normalized(div: Node): { readonly x: Value; readonly epsilon: number } | undefined {
  const centred = made(div.inputs[0], "Sub");
  const root = made(made(div.inputs[1], "Sqrt")?.inputs[0], "Add");
  if (!centred || !root) return undefined;
  const [x, mean] = centred.inputs as [Value, Value];
  if (keeps(made(mean, "ReduceMean"))?.inputs[0] !== x) return undefined;
  for (const [variance, small] of eitherWay(root)) {
    const epsilon = scalarOf(small);
    const average = keeps(made(variance, "ReduceMean"));
    if (epsilon === undefined || !average) continue;
    // Exporters may subtract the mean a second time for the variance.
    const d = made(average.inputs[0], "Pow")?.inputs[0] ?? made(average.inputs[0], "Mul")?.inputs[0];
    const again = made(d, "Sub");
    const same = d === div.inputs[0] || (again?.inputs[0] === x && keeps(made(again.inputs[1], "ReduceMean"))?.inputs[0] === x);
    if (d && same && isSquare(average.inputs[0], d)) return { x, epsilon };
  }
  return undefined;
}

function composedOf(graph: Graph, node: Node): Composed | undefined {
  for (const [weighted, shift] of eitherWay(node)) {
    const mul = made(weighted, "Mul");
    if (!mul) continue;
    for (const [quotient, scale] of eitherWay(mul)) {
      const div = made(quotient, "Div");
      const found = div && normalized(div);
      if (found && isVectorOver(graph.env, scale, found.x) && isVectorOver(graph.env, shift, found.x)) return { ...found, scale, shift };
    }
  }
  return undefined;
}

/** Returns how many were found. */
export function findLayerNorm(graph: Graph): number {
  return replaceMatches(graph, (node, { b, current }) => {
    if (node.op !== "Add" || node.domain !== "" || node.outputs[0]!.dtype !== "float32") return undefined;
    const found = composedOf(graph, node);
    const inputs = found && [current(found.x), current(found.scale), current(found.shift)];
    return inputs?.every((v) => v) ? [b.op("LayerNormalization", inputs, { axis: -1, epsilon: float(found!.epsilon) })] : undefined;
  });
}

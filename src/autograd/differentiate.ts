// Reverse-mode differentiation: appends to a graph the nodes that compute the gradient of a scalar loss.
import { Builder } from "../graph/builder.js";
import { isFloat, typedArray } from "../graph/dtype.js";
import type { Graph, Node, Value } from "../graph/graph.js";
import { decompose } from "../graph/passes/decompose.js";
import { AutogradError, opName } from "./errors.js";
import type { GradientContext, GradientTable } from "./gradient-table.js";
import { passes, pathThrough, type Reachability, reach } from "./reachability.js";
import { standardGradients } from "./rules.js";

export interface DifferentiateOptions {
  /** A float value of one element: of shape [], or of dims that are all 1. */
  readonly loss: Value;
  /** The values whose gradients are wanted: parameters, or any other float value of the graph. */
  readonly wrt: readonly Value[];
  /** d(loss), of the loss's dtype and shape; default: 1. A factor that a run feeds (loss scaling, accumulation) goes here. */
  readonly seed?: Value;
  /** Gradient rules; default: those of the library. */
  readonly rules?: GradientTable;
}

/**
 * Replaces ops that have no gradient rule, but a decomposition, by what they are made of. `graph.outputs` keep their meaning; other values of the graph may be gone. To be called before
 * `differentiate`, which leaves forward nodes as they are.
 */
export function decomposeForGradients(graph: Graph, rules: GradientTable = standardGradients): number {
  return decompose(graph, (node) => !rules.get(node.op, node.domain));
}

/** At most this many nodes of a path are shown in a message. */
const maxPath = 12;

/**
 * Adds the backward nodes to the graph and returns the gradient of each value of `wrt`, of its dtype and shape. Values that the loss does not
 * depend on are missing in the map. No value occurs twice in it, so all may become outputs of the graph.
 *
 * Only nodes between `wrt` and the loss get gradient nodes. Contributions to one value are summed once, in the reverse order of its uses.
 * Gradients stop at integers, booleans, `detach` (an Identity with the attribute `_detach: 1`) and ops such as Floor and Sign.
 *
 * Errors: ERR_AUTOGRAD_LOSS when the loss is no float scalar; ERR_AUTOGRAD_NO_RULE, before anything was added to the graph, when an op on the
 * way has no rule; ERR_AUTOGRAD_UNSUPPORTED when a rule cannot handle a node as it is; ERR_AUTOGRAD_RULE when a rule returns a wrong shape.
 *
 * @example
 * const g = new Graph();
 * const x = g.input("x", "float32", ["B", 4]);
 * const w = g.input("w", "float32", [4, 1]);
 * const b = new Builder(g);
 * const loss = b.reduce("ReduceMean", b.matmul(x, w), undefined);
 * const gradients = differentiate(g, { loss, wrt: [w] });
 * g.output(gradients.get(w)!, "w_grad");
 */
export function differentiate(graph: Graph, options: DifferentiateOptions): Map<Value, Value> {
  const { loss, wrt, rules = standardGradients } = options;
  checkLoss(graph, loss, options.seed);
  const reachability = reach(graph, loss, wrt, rules);
  checkRules(reachability, loss, wrt, rules);

  const b = new Builder(graph);
  for (const input of graph.inputs) b.source(input);
  const contributions = new Map<Value, Value[]>();
  const seed = options.seed ?? b.constant({ dtype: loss.dtype, shape: loss.shape.map(() => 1), data: typedArray(loss.dtype, [1]) });
  contributions.set(loss, [seed]);
  /** The sum of all contributions to a value; called when its last use has been handled. */
  const gradientOf = (value: Value): Value | undefined => {
    const parts = contributions.get(value);
    if (!parts) return undefined;
    const sum = b.sumOf(parts);
    contributions.set(value, [sum]);
    return sum;
  };

  for (const node of reachability.nodes.toReversed()) {
    b.scope = `backward/${node.name}`;
    const gradients = node.outputs.map(gradientOf);
    if (gradients.every((g) => g === undefined)) continue;
    const ctx = contextOf(b, node, gradients, reachability);
    const results = rules.get(node.op, node.domain)!(ctx);
    for (const [i, gradient] of results.entries()) {
      if (gradient === undefined || !ctx.needs(i)) continue;
      const input = node.inputs[i]!;
      checkResult(graph, node, i, input, gradient);
      const parts = contributions.get(input);
      if (parts) parts.push(gradient);
      else contributions.set(input, [gradient]);
    }
  }

  const out = new Map<Value, Value>();
  const used = new Set<Value>(graph.inputs);
  for (const value of wrt) {
    b.scope = `backward/${value.name}`;
    const gradient = out.has(value) ? undefined : gradientOf(value);
    if (!gradient) continue;
    const own = used.has(gradient) || gradient.constant ? b.unary("Identity", gradient) : gradient;
    used.add(own);
    out.set(value, own);
  }
  return out;
}

function contextOf(b: Builder, node: Node, gradients: readonly (Value | undefined)[], { dependent }: Reachability): GradientContext {
  return {
    b,
    node,
    input: (i) => node.inputs[i]!,
    output: (i) => node.outputs[i]!,
    gradOut: (i) => gradients[i],
    needs: (i) => {
      const input = node.inputs[i];
      return input !== undefined && dependent.has(input) && passes(node, i);
    },
  };
}

function checkLoss(graph: Graph, loss: Value, seed: Value | undefined): void {
  const shape = graph.env.show(loss.shape);
  if (!isFloat(loss.dtype)) {
    throw new AutogradError("ERR_AUTOGRAD_LOSS", `the loss ${loss.name} is ${loss.dtype}, not a float`, {
      hint: "differentiate a float value, before it is cast or compared",
    });
  }
  if (!loss.shape.every((d) => graph.env.resolve(d) === 1)) {
    throw new AutogradError("ERR_AUTOGRAD_LOSS", `the loss ${loss.name} has shape ${shape}, not one element`, {
      hint: "reduce it first, for example with mean() or sum()",
    });
  }
  if (seed && (seed.dtype !== loss.dtype || seed.rank !== loss.rank)) {
    throw new AutogradError(
      "ERR_AUTOGRAD_LOSS",
      `the seed ${seed.name} is ${seed.dtype}${graph.env.show(seed.shape)}, the loss ${loss.name} ${loss.dtype}${shape}`,
      {
        hint: "give d(loss) with the loss's dtype and shape",
      },
    );
  }
}

function checkRules(reachability: Reachability, loss: Value, wrt: readonly Value[], rules: GradientTable): void {
  const missing = reachability.nodes.filter((node) => !rules.get(node.op, node.domain));
  const first = missing[0];
  if (!first) return;
  const path = pathThrough(reachability, first, loss, wrt);
  const shown = path.length > maxPath ? [...path.slice(0, maxPath / 2), `… ${path.length - maxPath} more …`, ...path.slice(-maxPath / 2)] : path;
  const others = [...new Set(missing.map(opName))].slice(1);
  const also = others.length > 0 ? `; neither have ${others.join(", ")}` : "";
  const named = first.domain ? `op: "${first.op}", domain: "${first.domain}"` : `op: "${first.op}"`;
  throw new AutogradError(
    "ERR_AUTOGRAD_NO_RULE",
    `op ${opName(first)} has no gradient rule; node ${first.name} lies on the path ${shown.join(" -> ")}${also}`,
    {
      hint:
        `registerGradient({ ${named}, rule: ({ b, input, output, gradOut }) => [...] }) of accelerate-ts/graph adds one, which returns the gradient of each input; ` +
        `or let no gradient flow here: freeze the parameters before the node, or detach() the value`,
    },
  );
}

function checkResult(graph: Graph, node: Node, i: number, input: Value, gradient: Value): void {
  const { env } = graph;
  const differs = input.shape.some((d, axis) => {
    const want = env.resolve(d);
    const got = env.resolve(gradient.shape[axis] ?? 0);
    return typeof want === "number" && typeof got === "number" && want !== got;
  });
  if (gradient.dtype === input.dtype && gradient.rank === input.rank && !differs) return;
  throw new AutogradError(
    "ERR_AUTOGRAD_RULE",
    `the gradient rule of ${opName(node)} (node ${node.name}) gave ${gradient.dtype}${env.show(gradient.shape)} for input ${i}, which is ${input.dtype}${env.show(input.shape)}`,
    { hint: "a gradient has the dtype and shape of its input; sum broadcast dims with Builder.reduceTo" },
  );
}

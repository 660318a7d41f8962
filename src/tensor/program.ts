// A compiled plan: the graph of forward (and backward), its session, and what is bound to each of its inputs and outputs.
import { differentiate } from "../autograd/differentiate.js";
import { AccelerateError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import { copyNodes } from "../graph/copy-nodes.js";
import type { ShapeEnv } from "../graph/dims.js";
import { Graph, type Value } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { Binding } from "../runtime/binding.js";
import type { Engine } from "../runtime/engine.js";
import type { Session } from "../runtime/session.js";
import { tensorOps } from "./ops.js";
import type { Plan, Reference } from "./plan.js";

/** What is bound to an input of the session. */
export type InputSlot = { readonly kind: "feed"; readonly feed: number } | { readonly kind: "parameter"; readonly parameter: number };

/** A symbol of the program's graph, and where its size is read. */
interface SymbolSource {
  readonly name: string;
  readonly feed: number;
  readonly dim: number;
}

/** Names feeds and parameters by their positions in the plan, so that it keeps no module alive. */
export interface Program {
  readonly session: Session;
  readonly binding: Binding;
  readonly inputs: readonly InputSlot[];
  /** Positions of the parameters whose gradients are the outputs after those of the plan. */
  readonly gradients: readonly number[];
  readonly env: ShapeEnv;
  readonly symbols: readonly SymbolSource[];
  /** Where the parameters lay at its last run, by the count of their moves: unless that has grown, they lie where they are bound. */
  places: number;
  /** Whether its gradients are bound to where the parameters have theirs, not to the scratch memory beside it. */
  direct: boolean;
}

/** Builds the graph of a plan; the feeds' sizes become symbols with the sizes of this run as hints. */
export function buildGraph(plan: Plan): { graph: Graph; slots: Map<Value, InputSlot>; symbols: SymbolSource[]; gradients: number[]; outputs: Value[] } {
  const graph = new Graph();
  const builder = new Builder(graph);
  const slots = new Map<Value, InputSlot>();
  const symbols: SymbolSource[] = [];

  const feeds = plan.feeds.map((x, feed) => {
    const shape = plan.fixed.has(feed)
      ? x.shape
      : x.shape.map((size, dim) => {
          const name = graph.env.symbol(size, `s${feed}_${dim}`);
          symbols.push({ name, feed, dim });
          return name;
        });
    const value = graph.input(`feed${feed}`, x.dtype, shape);
    slots.set(value, { kind: "feed", feed });
    builder.source(value);
    return value;
  });
  const parameters = plan.parameters.map((p, parameter) => {
    const value = graph.input(p.name || `parameter${p.id}`, p.dtype, p.shape);
    slots.set(value, { kind: "parameter", parameter });
    return value;
  });

  const results: Value[][] = [];
  const resolve = (r: Reference): Value => (r.kind === "node" ? results[r.node]![r.output]! : r.kind === "feed" ? feeds[r.feed]! : parameters[r.own]!);
  for (const [i, node] of plan.nodes.entries()) {
    const inputs = plan.inputs[i]!.map(resolve);
    const key = node.key && feeds[plan.feeds.indexOf(node.key)]!;
    if (node.kind === "op") {
      results.push([tensorOps[node.op]!(builder, key ? [...inputs, key] : inputs, node.attributes)]);
      continue;
    }
    const { trace } = node;
    const given = new Map<Value, Value>(trace.inputs.map((v, k) => [v, inputs[k]!]));
    for (const [p, v] of trace.parameters) given.set(v, parameters[plan.parameters.indexOf(p)]!);
    for (const [k, { value }] of trace.captured.entries()) given.set(value, feeds[plan.feeds.indexOf(node.captured[k]!)]!);
    if (trace.key) given.set(trace.key, key!);
    const values = copyNodes(trace.graph, graph, given);
    results.push(trace.outputs.map((v) => values.get(v)!));
  }

  const outputs = plan.outputReferences.map(resolve);
  const gradients: number[] = [];
  if (plan.loss) {
    const seed = plan.seed === undefined ? {} : { seed: feeds[plan.seed]! };
    const found = differentiate(graph, { loss: resolve(plan.loss), wrt: parameters.filter((_, i) => plan.parameters[i]!.requiresGrad), ...seed });
    for (const [i, value] of parameters.entries()) {
      const gradient = found.get(value);
      if (!gradient) continue;
      gradients.push(i);
      outputs.push(gradient);
    }
  }
  // An output that is an input, a constant or already an output needs a node of its own.
  const taken = new Set<Value>();
  for (const [i, value] of outputs.entries()) {
    const out = value.producer && !taken.has(value) ? value : builder.op("Identity", [value]);
    taken.add(out);
    outputs[i] = graph.output(out);
  }
  return { graph, slots, symbols, gradients, outputs };
}

/** What ONNX Runtime says of an op that it cannot compute in a dtype; of all other errors nothing is changed. */
function withoutKernel(error: unknown): never {
  if (!(error instanceof AccelerateError) || !/Could not find an implementation|Type Error: Type/.test(error.message)) throw error;
  throw new AccelerateError("ERR_DTYPE", `the engine cannot compute an op in its dtype: ${error.message}`, {
    cause: error,
    hint: 'convert its inputs first, with x.to("float32") or, for whole numbers, x.to("int64")',
  });
}

/** Compiles a plan: builds its graph, writes it as ONNX and creates the session. */
export async function compileProgram(plan: Plan, engine: Engine): Promise<Program> {
  const { graph, slots, symbols, gradients } = buildGraph(plan);
  if (plan.loss && gradients.length === 0) {
    throw new AccelerateError("ERR_BACKWARD_NO_PARAMETERS", "the loss depends on no parameter that requires a gradient", {
      hint: "check requiresGrad and detach()",
    });
  }
  const session = await engine.createSession(toOnnx(graph), { name: plan.loss ? "backward" : "forward" }).catch(withoutKernel);
  const byName = new Map([...slots].map(([value, slot]) => [value.name, slot]));
  const inputs = session.inputs.map(({ name }) => {
    const slot = byName.get(name);
    if (!slot) throw new AccelerateError("ERR_PROGRAM_INPUT", `the compiled graph has an input ${name} that the plan does not know`);
    return slot;
  });
  return { session, binding: session.createBinding(), inputs, gradients, env: graph.env, symbols, places: -1, direct: false };
}

/** Whether a compiled program is valid for the sizes of a plan. */
export function fits(program: Program, plan: Plan): boolean {
  if (program.env.guards.length === 0) return true;
  const sizes = new Map(program.symbols.map((s) => [s.name, plan.feeds[s.feed]!.shape[s.dim]!]));
  return program.env.holds(sizes);
}

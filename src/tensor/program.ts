// A compiled plan: the graph of forward (and backward), its session, and what is bound to each of its inputs and outputs.
import { decomposeForGradients, differentiate } from "../autograd/differentiate.js";
import { standardGradients } from "../autograd/rules.js";
import { AccelerateError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import type { ShapeEnv } from "../graph/dims.js";
import type { Graph, Value } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import { type Assumption, Assumptions, type FedData } from "../graph/passes/assumptions.js";
import { decomposeComposites } from "../graph/passes/decompose.js";
import type { PassContext } from "../graph/passes/pass.js";
import { type HostInputs, lowerFor, type Target } from "../graph/passes/lower/index.js";
import { runPasses } from "../graph/passes/pipeline.js";
import { Uses } from "../graph/passes/uses.js";
import { endsInOrder, recomputes } from "../graph/passes/recompute/ends.js";
import { insertTaps } from "../graph/passes/tap.js";
import type { Binding } from "../runtime/binding.js";
import type { DeviceContext } from "../runtime/device-context.js";
import type { Engine } from "../runtime/engine.js";
import { gemmChoices } from "../runtime/gemm-choices.js";
import { bfloat16Engine } from "../runtime/gemm-engine.js";
import type { PlacedNode, Session } from "../runtime/session.js";
import type { CompilerOptions } from "./compiler-options.js";
import { HostMasks, type Mask } from "./host-masks.js";
import { leaveAsRows } from "./row-gradients.js";
import { forwardGraph, type InputSlot, type SymbolSource } from "./forward-graph.js";
import type { Plan } from "./plan.js";

/** A condition on the data of feeds, by their positions in the plan. */
interface FeedAssumption {
  readonly name: string;
  readonly feeds: readonly number[];
  holds(data: readonly FedData[]): boolean;
}

/** What a program tells of while it runs. */
export interface ProgramTaps {
  /** Of each gradient, the bucket in which it travels; undefined: it is not told of. */
  readonly buckets: readonly (number | undefined)[];
  readonly told: readonly number[];
}

/** Names feeds and parameters by their positions in the plan, so that it keeps no module alive. */
export interface Program {
  readonly session: Session;
  readonly binding: Binding;
  readonly inputs: readonly InputSlot[];
  /** Positions of the parameters whose gradients are the outputs after those of the plan. */
  readonly gradients: readonly number[];
  /** Of each gradient, whether its output holds the rows that there are; their numbers are outputs behind all gradients. */
  readonly asRows: readonly boolean[];
  readonly taps: ProgramTaps;
  readonly env: ShapeEnv;
  readonly symbols: readonly SymbolSource[];
  /** What the data of its feeds must fulfil; what was refused, it must go on not to fulfil. So data alone decide which of several programs computes a run. */
  readonly assumptions: readonly FeedAssumption[];
  /** Computes what is bound to inputs of the kind "mask", in their order; undefined where there are none. */
  readonly masks: HostMasks | undefined;
  /** Nodes that the device has no kernel for: the host computes them, with copies there and back in each run. Arithmetic of sizes, which belongs there, is none of them. */
  readonly hostNodes: readonly PlacedNode[];
  /** Its launches may be recorded and replayed (CUDA graphs). */
  readonly recorded: boolean;
  /** Where the parameters lay at its last run, by the count of their moves: unless that has grown, they lie where they are bound. */
  places: number;
  /** Whether its gradients are bound to where the parameters have theirs, not to the scratch memory beside it. */
  direct: boolean;
}

const host: Target = { type: "cpu", kernels: new Set(), half: true };

/** The graph of a plan, and what passes assumed of the data of its feeds. */
export interface BuiltGraph {
  readonly graph: Graph;
  readonly slots: ReadonlyMap<Value, InputSlot>;
  readonly symbols: readonly SymbolSource[];
  /** Positions of the parameters whose gradients are the outputs after those of the plan. */
  readonly gradients: readonly number[];
  /** See Program. */
  readonly asRows: readonly boolean[];
  readonly taps: ProgramTaps;
  readonly assumptions: readonly FeedAssumption[];
  /** Of dropout, where the device cannot draw them: what the host feeds (see host-masks.ts). */
  readonly masks: readonly Mask[];
}

/** The numbers of a feed, where there are some: a graph may be built without them. */
function fedData(plan: Plan, feed: number): FedData | undefined {
  const s = plan.feeds[feed]!.state;
  return s.kind === "symbolic" || s.kind === "parameter" || !s.data ? undefined : { shape: s.shape, data: s.data };
}

/** Nodes of a graph for a device that the host has, but for sizes: whole numbers in vectors. */
function nodesOnHost(graph: Graph, placement: readonly PlacedNode[]): PlacedNode[] {
  const sizes = new Set(graph.nodes.filter(({ outputs }) => outputs.every(({ dtype, rank }) => dtype === "int64" && rank <= 1)).map(({ name }) => name));
  return placement.filter(({ provider, op, name }) => provider === "CPUExecutionProvider" && op !== "Shape" && !sizes.has(name));
}

/** What no node reads, as keys whose masks the host makes, is not brought to a device. */
function dropUnread(graph: Graph): void {
  const uses = new Uses(graph);
  const read = graph.inputs.filter((value) => uses.of(value).length > 0 || graph.outputs.includes(value));
  graph.inputs.splice(0, graph.inputs.length, ...read);
}

/** Gives masks and sizes their slots, and names the masks' keys by feed. */
function takeHostInputs({ masks, sizes }: HostInputs, slots: Map<Value, InputSlot>): Mask[] {
  for (const { value, dims } of sizes) slots.set(value, { kind: "sizes", dims, scalar: value.rank === 0 });
  return masks.map(({ value, key, ratio, site, shape }, mask) => {
    slots.set(value, { kind: "mask", mask });
    return { key: (slots.get(key) as InputSlot & { kind: "feed" }).feed, ratio, site, shape };
  });
}

/** Builds the graph of a plan, forward and backward, as the compiler's passes leave it. */
export function buildGraph(plan: Plan, compiler: CompilerOptions = {}): BuiltGraph {
  const { graph, slots, symbols, feeds, parameters, loss, outputs } = forwardGraph(plan);
  const assumptions = new Assumptions((value) => {
    const slot = slots.get(value);
    return slot?.kind === "feed" ? fedData(plan, slot.feed) : undefined;
  });
  const target = compiler.target && compiler.target.type !== "cpu" ? compiler.target : undefined;
  const context: PassContext = {
    assume: (assumption) => assumptions.assume(assumption),
    look: (inputs) => assumptions.look(inputs),
    precision: compiler.precision ?? "no",
    backward: loss !== undefined,
    target,
    gemm: target ? undefined : compiler.gemm,
  };
  const options = { switches: compiler.passes ?? {}, watch: compiler.watch };

  graph.outputs.push(...(loss ? [loss] : []), ...outputs);
  decomposeComposites(graph, (node) => standardGradients.get(node.op, node.domain) !== undefined);
  runPasses(graph, "forward", context, options);
  if (loss) decomposeForGradients(graph);
  const made = graph.outputs.splice(0);
  const gradients: number[] = [];
  const wanted = loss ? made.slice(1) : made;
  if (loss) {
    const seed = plan.seed === undefined ? {} : { seed: feeds[plan.seed]! };
    const found = differentiate(graph, { loss: made[0]!, wrt: parameters.filter((_, i) => plan.parameters[i]!.requiresGrad), ...seed });
    for (const [i, value] of parameters.entries()) {
      const gradient = found.get(value);
      if (!gradient) continue;
      gradients.push(i);
      wanted.push(gradient);
    }
  }
  // An output that is an input, a constant or already an output needs a node of its own.
  const taken = new Set<Value>();
  const builder = new Builder(graph);
  for (const value of wanted) {
    const out = value.producer && !taken.has(value) ? value : builder.op("Identity", [value]);
    taken.add(out);
    graph.output(out);
  }
  decomposeComposites(graph);
  runPasses(graph, "backward", context, options);
  // Rows whose number only the run tells would be brought to the host to be counted.
  const asRows = leaveAsRows(graph, gradients.length, !target && (compiler.sparseGradients ?? true));
  const computesAgain = recomputes(graph);
  // Narrow types have no kernels of the library's own on the processor.
  const lowered = target ?? (compiler.precision === "fp16" ? host : undefined);
  const masks = lowered ? takeHostInputs(lowerFor(graph, lowered), slots) : [];
  if (target) dropUnread(graph);
  if (computesAgain) endsInOrder(graph);
  const buckets = gradients.map((i, k) => (asRows[k] ? undefined : compiler.buckets?.of(plan.parameters[i]!)));
  const first = wanted.length - gradients.length;
  const taps =
    !target || target.type === "cuda"
      ? insertTaps(
          graph,
          buckets.map((bucket, k) => ({ value: graph.outputs[first + k]!, bucket })),
          // A gradient that is to be added to another lies where the sum over all devices goes.
          { apart: target !== undefined },
        )
      : [];
  const feedOf = (value: Value): number => (slots.get(value) as InputSlot & { kind: "feed" }).feed;
  const onFeeds = (a: Assumption, wanted: boolean): FeedAssumption => ({
    name: a.name,
    feeds: a.inputs.map(feedOf),
    holds: (data) => a.holds(data) === wanted,
  });
  return {
    graph,
    slots,
    symbols,
    gradients,
    asRows,
    taps: { buckets, told: taps },
    masks,
    assumptions: [...assumptions.made.map((a) => onFeeds(a, true)), ...assumptions.refused.map((a) => onFeeds(a, false))],
  };
}

/** What ONNX Runtime says of an op that it cannot compute in a dtype; of all other errors nothing is changed. */
function withoutKernel(error: unknown): never {
  if (!(error instanceof AccelerateError) || !/Could not find an implementation|Type Error: Type/.test(error.message)) throw error;
  throw new AccelerateError("ERR_DTYPE", `the engine cannot compute an op in its dtype: ${error.message}`, {
    cause: error,
    hint: 'convert its inputs first, with x.to("float32") or, for whole numbers, x.to("int64")',
  });
}

/** What ONNX Runtime says of a graph that it cannot record: nodes on the host, control flow, copies between. */
const unrecordable = (error: unknown): boolean => error instanceof AccelerateError && /graph capture|CUDA ?Graph/i.test(error.message);

/** Compiles a plan: builds its graph, writes it as ONNX and creates the session. */
export async function compileProgram(
  plan: Plan,
  engine: Engine,
  compiler: CompilerOptions & { readonly profile?: string; readonly device?: DeviceContext; readonly records?: boolean } = {},
): Promise<Program> {
  const { profile, device, records = false } = compiler;
  const onHost = (compiler.target ?? { type: "cpu" }).type === "cpu";
  if (compiler.precision === "bf16" && onHost) bfloat16Engine();
  if (compiler.precision === "fp16" && compiler.target?.half === false)
    throw new AccelerateError("ERR_DEVICE_PRECISION", `mixedPrecision fp16: ${device?.name ?? compiler.target.type} does not compute in float16`, {
      hint: 'give "no"; a WebGPU adapter needs the feature shader-f16',
    });
  const { graph, slots, symbols, gradients, asRows, taps, masks, assumptions } = buildGraph(plan, {
    ...compiler,
    gemm: compiler.gemm ?? (onHost ? gemmChoices(engine) : undefined),
  });
  if (plan.loss && gradients.length === 0) {
    throw new AccelerateError("ERR_BACKWARD_NO_PARAMETERS", "the loss depends on no parameter that requires a gradient", {
      hint: "check requiresGrad and detach()",
    });
  }
  const name = plan.loss ? "backward" : "forward";
  const make = (cudaGraph: boolean): Promise<Session> =>
    engine.createSession(toOnnx(graph), { name, ...(profile !== undefined && { profile }), ...(device && { device, hostNodes: "allow", cudaGraph }) });
  let recorded = records;
  const session = await make(records)
    .catch((error: unknown) => {
      if (!records || !unrecordable(error)) throw error;
      recorded = false;
      console.warn(`a ${name} program is not recorded as a CUDA graph, it runs launch by launch: ${(error as Error).message}`);
      return make(false);
    })
    .catch(withoutKernel);
  const byName = new Map([...slots].map(([value, slot]) => [value.name, slot]));
  const inputs = session.inputs.map(({ name }) => {
    const slot = byName.get(name);
    if (!slot) throw new AccelerateError("ERR_PROGRAM_INPUT", `the compiled graph has an input ${name} that the plan does not know`);
    return slot;
  });
  return {
    session,
    binding: session.createBinding(),
    inputs,
    gradients,
    asRows,
    taps,
    masks: masks.length > 0 ? await HostMasks.compile(engine, masks, graph.env, symbols) : undefined,
    env: graph.env,
    symbols,
    assumptions,
    hostNodes: device ? nodesOnHost(graph, session.placement) : [],
    recorded,
    places: -1,
    direct: false,
  };
}

/** What is bound to a slot of the kind "sizes" in a run. */
export function sizesFor(
  slot: InputSlot & { readonly kind: "sizes" },
  { env, symbols }: Pick<Program, "env" | "symbols">,
  plan: Plan,
): { readonly data: BigInt64Array; readonly shape: readonly number[] } {
  const sizes = new Map(symbols.map((s) => [s.name, plan.feeds[s.feed]!.shape[s.dim]!]));
  const data = BigInt64Array.from(slot.dims, (d) => BigInt(typeof d === "number" ? d : env.evaluate(d, sizes)));
  return { data, shape: slot.scalar ? [] : [data.length] };
}

/** Whether a compiled program is valid for the sizes and the data of a plan. */
export function fits(program: Program, plan: Plan): boolean {
  if (program.env.guards.length > 0) {
    const sizes = new Map(program.symbols.map((s) => [s.name, plan.feeds[s.feed]!.shape[s.dim]!]));
    if (!program.env.holds(sizes)) return false;
  }
  return program.assumptions.every(({ feeds, holds }) => {
    const data = feeds.map((feed) => fedData(plan, feed));
    return data.every((d) => d !== undefined) && holds(data);
  });
}

// What a run has to compute: the part of the recording behind some tensors, in order, and the text that names its structure.
import { AccelerateError } from "../errors.js";
import type { Parameter } from "./parameter.js";
import { anyStale, differentiable, frozenParameters, isStale } from "./recording.js";
import { isComputed, type Recorded, type RecordedCall } from "./state.js";
import type { Tensor } from "./tensor.js";
import type { Trace } from "./trace.js";

/** Where a tensor comes from within a plan. */
export type Reference =
  | { readonly kind: "node"; readonly node: number; readonly output: number }
  | { readonly kind: "feed"; readonly feed: number }
  | { readonly kind: "parameter"; readonly own: number };

export interface Plan {
  /** In topological order. */
  readonly nodes: readonly Recorded[];
  readonly inputs: readonly (readonly Reference[])[];
  /** Concrete tensors: batches, numbers, dropout keys, values computed before. */
  readonly feeds: readonly Tensor[];
  /** Feeds by position that keep their shape in every run: their sizes are literal in the graph. */
  readonly fixed: ReadonlySet<number>;
  readonly parameters: readonly Parameter[];
  /** What is to be brought out. */
  readonly outputs: readonly Tensor[];
  readonly outputReferences: readonly Reference[];
  readonly loss: Reference | undefined;
  /** The buffers that its calls write into, in the order of the nodes; their new values are outputs after the others. */
  readonly updated: readonly Tensor[];
  /** Position of the feed that the loss's gradient is; undefined: 1. */
  readonly seed: number | undefined;
  /** Every node that was looked at for sinks. */
  readonly reached: ReadonlySet<Recorded>;
  /** The same for all plans that one compiled program can serve, sizes aside. */
  readonly key: string;
}

const staleError = (what: string): AccelerateError =>
  new AccelerateError("ERR_STALE_OUTPUT", what, {
    hint: "touch it (destructure it, apply an op to it) before backward or step, then it is computed with them; detach() what is not to be differentiated",
  });

class Planner {
  readonly nodes: Recorded[] = [];
  readonly inputs: Reference[][] = [];
  readonly feeds = new Map<Tensor, number>();
  readonly fixed = new Set<number>();
  readonly traces = new Set<Trace>();
  /** Parameters used outside modules, by position; those of a module are named by its trace. */
  readonly own = new Map<Parameter, number>();
  readonly #nodeOf = new Map<Recorded, number>();

  /** `through`: values computed before are differentiated through, so their recipe is run again. */
  reference(x: Tensor, through: boolean): Reference {
    const s = x.state;
    if (s.kind === "parameter") return { kind: "parameter", own: this.#ownPosition(x as Parameter) };
    if (s.kind === "symbolic")
      throw new AccelerateError("ERR_SYMBOLIC_VALUE", `a tensor of forward (${s.value.name}) has no value`, { hint: "return it from forward" });
    if (s.kind === "concrete") return { kind: "feed", feed: this.feed(x) };
    if (s.load && !s.data)
      throw new AccelerateError("ERR_GRADIENT_UNREAD", "the gradient of a parameter that several workers train was used before it was read", {
        hint: "await parameter.grad.data() first, on every worker: it brings the workers' gradients together",
      });
    const source = this.#recipe(x, through);
    if (source === undefined) return { kind: "feed", feed: this.feed(x) };
    this.#plan(source, through);
    return { kind: "node", node: this.#nodeOf.get(source)!, output: s.index };
  }

  /** What has to run for a tensor; undefined when its value is fed. */
  #recipe(x: Tensor, through: boolean): Recorded | undefined {
    const s = x.state;
    if (s.kind !== "lazy") return undefined;
    if (through && s.expired) throw staleError("a tensor that was computed with older parameters is part of a loss");
    if (s.source === undefined || this.#nodeOf.has(s.source) || !isComputed(s)) return s.source;
    return through && differentiable(x) ? s.source : undefined;
  }

  /** Plans a node behind everything that it needs. A stack of its own: recordings may be very long. */
  #plan(source: Recorded, through: boolean): void {
    const stack = [source];
    for (let node = stack.at(-1); node; node = stack.at(-1)) {
      const missing = this.#nodeOf.has(node) ? [] : node.inputs.map((x) => this.#recipe(x, through)).filter((r) => r && !this.#nodeOf.has(r));
      if (missing.length > 0) stack.push(...(missing.reverse() as Recorded[]));
      else {
        stack.pop();
        if (!this.#nodeOf.has(node)) this.#add(node, through);
      }
    }
  }

  #add(node: Recorded, through: boolean): void {
    if (isStale(node)) {
      const what =
        node.kind === "call" ? `an output of ${node.trace.name} was asked for after its` : `what ${node.op} makes of a parameter was asked for after`;
      throw staleError(`${what} parameters had changed`);
    }
    const inputs = node.inputs.map((x) => this.reference(x, through));
    if (node.kind === "call") {
      this.traces.add(node.trace);
      for (const x of node.captured) this.fixed.add(this.feed(x));
    }
    if (node.key) this.fixed.add(this.feed(node.key));
    this.#nodeOf.set(node, this.nodes.push(node) - 1);
    this.inputs.push(inputs);
  }

  feed(x: Tensor): number {
    const known = this.feeds.get(x);
    if (known !== undefined) return known;
    this.feeds.set(x, this.feeds.size);
    return this.feeds.size - 1;
  }
  #ownPosition(p: Parameter): number {
    const known = this.own.get(p);
    if (known !== undefined) return known;
    this.own.set(p, this.own.size);
    return this.own.size - 1;
  }

  /** The calls that write into buffers, in the order of the nodes. */
  get pending(): readonly RecordedCall[] {
    return this.nodes.filter((node): node is RecordedCall => node.kind === "call" && node.pending);
  }
  /** Plans calls, each behind what it needs. */
  first(calls: readonly RecordedCall[], through: boolean): void {
    for (const call of calls) this.#plan(call, through);
  }

  /** Touched tensors that hang on what is planned and that nothing was applied to, and all nodes on the way to them. */
  sinks(): { readonly found: readonly Tensor[]; readonly reached: ReadonlySet<Recorded> } {
    const found: Tensor[] = [];
    const reached = new Set<Recorded>(this.nodes);
    for (const node of reached) {
      for (const out of node.outputs) {
        if (out?.state.kind !== "lazy") continue;
        if (!out.state.used && !isComputed(out.state) && !anyStale(node)) found.push(out);
        for (const user of out.state.users) reached.add(user);
      }
    }
    return { found, reached };
  }
}

const show = (r: Reference): string => (r.kind === "node" ? `n${r.node}.${r.output}` : r.kind === "feed" ? `f${r.feed}` : `p${r.own}`);

/** Those used outside modules first, by position, then the others; of one module alone, as nearly always, its trace has the list. */
function parametersOf({ own, traces }: Planner): readonly Parameter[] {
  if (own.size === 0 && traces.size === 1) for (const { parameterList } of traces) return parameterList;
  const all = new Set(own.keys());
  for (const { parameterList } of traces) for (const p of parameterList) all.add(p);
  return [...all];
}

/** Plans the computation of a tensor, or the backward of a loss, with every sink that hangs on it. */
export function plan(root: Tensor, options: { readonly backward: boolean; readonly seed?: Tensor }): Plan {
  let planner = new Planner();
  let rootReference = planner.reference(root, options.backward);
  // Calls write into buffers in the order in which they were recorded, and later ones read what earlier ones wrote.
  const ordered = planner.pending.toSorted((a, b) => a.serial - b.serial);
  if (ordered.some((call, i) => call !== planner.pending[i])) {
    planner = new Planner();
    planner.first(ordered, options.backward);
    rootReference = planner.reference(root, options.backward);
  }
  const pending = (t: Tensor): boolean => t.state.kind === "lazy" && !isComputed(t.state);
  const sinks = planner.sinks();
  const outputs = [...new Set([...(pending(root) ? [root] : []), ...sinks.found])];
  const outputReferences = outputs.map((t) => planner.reference(t, false));

  const seed = options.seed && planner.feed(options.seed);
  if (seed !== undefined) planner.fixed.add(seed);
  let key = options.backward ? `backward ${show(rootReference)}${seed === undefined ? "" : ` seed f${seed}`}` : "forward";
  planner.nodes.forEach((node, i) => {
    key += node.kind === "op" ? `|${node.op}${node.attributesKey}` : `|#${node.trace.id}${frozenParameters(node.trace)}`;
    for (const r of planner.inputs[i]!) key += ` ${show(r)}`;
  });
  for (const r of outputReferences) key += `>${show(r)}`;
  for (const call of planner.pending) key += `!${planner.nodes.indexOf(call)}`;
  for (const [x, i] of planner.feeds) key += `;${x.dtype}${planner.fixed.has(i) ? `[${x.shape.join()}]` : x.rank}`;
  for (const p of planner.own.keys()) key += `;${p.id}${p.requiresGrad ? "g" : ""}`;
  return {
    nodes: planner.nodes,
    inputs: planner.inputs,
    feeds: [...planner.feeds.keys()],
    fixed: planner.fixed,
    parameters: parametersOf(planner),
    outputs,
    outputReferences,
    updated: planner.pending.flatMap((call) => call.trace.updates.map(({ captured }) => call.captured[captured]!)),
    loss: options.backward ? rootReference : undefined,
    seed,
    reached: sinks.reached,
    key,
  };
}

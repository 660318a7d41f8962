// What a run has to compute: the part of the recording behind some tensors, in order, and the text that names its structure.
import { AccelerateError } from "../errors.js";
import type { Parameter } from "./parameter.js";
import { anyStale, differentiable, isStale } from "./recording.js";
import type { Recorded } from "./state.js";
import type { Tensor } from "./tensor.js";

/** Where a tensor comes from within a plan. */
export type Reference =
  | { readonly kind: "node"; readonly node: number; readonly output: number }
  | { readonly kind: "feed"; readonly feed: number }
  | { readonly kind: "parameter"; readonly parameter: number };

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
  readonly parameters = new Map<Parameter, number>();
  readonly #nodeOf = new Map<Recorded, number>();
  readonly #differentiable = new Map<Recorded, boolean>();

  /** `through`: values computed before are differentiated through, so their recipe is run again. */
  reference(x: Tensor, through: boolean): Reference {
    const s = x.state;
    if (s.kind === "parameter") return { kind: "parameter", parameter: this.parameter(x as Parameter) };
    if (s.kind === "symbolic")
      throw new AccelerateError("ERR_SYMBOLIC_VALUE", `a tensor of forward (${s.value.name}) has no value`, { hint: "return it from forward" });
    if (s.kind === "concrete") return { kind: "feed", feed: this.feed(x) };
    if (through && s.expired) throw staleError("a tensor that was computed with older parameters is part of a loss");
    const source = s.source;
    if (source === undefined) return { kind: "feed", feed: this.feed(x) };
    const recorded = this.#nodeOf.get(source);
    if (recorded !== undefined) return { kind: "node", node: recorded, output: s.index };
    if (s.data && (!through || !differentiable(source, this.#differentiable))) return { kind: "feed", feed: this.feed(x) };
    return { kind: "node", node: this.node(source, through), output: s.index };
  }

  node(source: Recorded, through: boolean): number {
    const known = this.#nodeOf.get(source);
    if (known !== undefined) return known;
    if (source.kind === "call" && isStale(source)) {
      throw staleError(`an output of ${source.trace.name} was asked for after its parameters had changed`);
    }
    const inputs = source.inputs.map((x) => this.reference(x, through));
    if (source.kind === "call") {
      for (const p of source.trace.parameters.keys()) this.parameter(p);
      for (const x of source.trace.captured.keys()) this.fixed.add(this.feed(x));
      if (source.key) this.fixed.add(this.feed(source.key));
    }
    const index = this.nodes.push(source) - 1;
    this.inputs.push(inputs);
    this.#nodeOf.set(source, index);
    return index;
  }

  feed(x: Tensor): number {
    const known = this.feeds.get(x);
    if (known !== undefined) return known;
    this.feeds.set(x, this.feeds.size);
    return this.feeds.size - 1;
  }
  parameter(p: Parameter): number {
    const known = this.parameters.get(p);
    if (known !== undefined) return known;
    this.parameters.set(p, this.parameters.size);
    return this.parameters.size - 1;
  }

  /** Touched tensors that hang on what is planned and that nothing was applied to. */
  sinks(): Tensor[] {
    const found: Tensor[] = [];
    const seen = new Set<Recorded>(this.nodes);
    const queue = [...this.nodes];
    for (const node of queue) {
      for (const out of node.outputs) {
        if (out?.state.kind !== "lazy") continue;
        if (out.state.users.length === 0 && !out.state.data && !anyStale(node)) found.push(out);
        for (const user of out.state.users) {
          if (seen.has(user)) continue;
          seen.add(user);
          queue.push(user);
        }
      }
    }
    return found;
  }
}

const show = (r: Reference): string => (r.kind === "node" ? `n${r.node}.${r.output}` : r.kind === "feed" ? `f${r.feed}` : `p${r.parameter}`);

/** Plans the computation of a tensor, or the backward of a loss, with every sink that hangs on it. */
export function plan(root: Tensor, options: { backward: boolean }): Plan {
  const planner = new Planner();
  const rootReference = planner.reference(root, options.backward);
  const pending = (t: Tensor): boolean => t.state.kind === "lazy" && !t.state.data;
  const outputs = [...new Set([...(pending(root) ? [root] : []), ...planner.sinks()])];
  const outputReferences = outputs.map((t) => planner.reference(t, false));

  let key = options.backward ? `backward ${show(rootReference)}` : "forward";
  planner.nodes.forEach((node, i) => {
    key += node.kind === "op" ? `|${node.op}${node.attributesKey}` : `|#${node.trace.id}`;
    for (const r of planner.inputs[i]!) key += ` ${show(r)}`;
  });
  for (const r of outputReferences) key += `>${show(r)}`;
  for (const [x, i] of planner.feeds) key += `;${x.dtype}${planner.fixed.has(i) ? `[${x.shape.join()}]` : x.rank}`;
  for (const p of planner.parameters.keys()) key += `;${p.id}${p.requiresGrad ? "g" : ""}`;
  return {
    nodes: planner.nodes,
    inputs: planner.inputs,
    feeds: [...planner.feeds.keys()],
    fixed: planner.fixed,
    parameters: [...planner.parameters.keys()],
    outputs,
    outputReferences,
    loss: options.backward ? rootReference : undefined,
    key,
  };
}

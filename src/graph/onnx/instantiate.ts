// The nodes of an ONNX file in a graph: in today's form, functions inlined, of every If the branch that is taken.
import { AccelerateError } from "../../errors.js";
import type { Attributes, Graph, Value } from "../graph.js";
import { evaluated } from "../passes/fold.js";
import { decide } from "./conditions.js";
import { OnnxError } from "./errors.js";
import { functionKey, type OnnxSource, type SourceFunction, type SourceGraph, type SourceNode, type SourceTensor, shownNode } from "./source.js";
import { type NodeForm, upgrade } from "./upgrade.js";

/** A node in today's form, before it is added. */
export interface FormedNode extends Omit<NodeForm, "outputs"> {
  readonly op: string;
  readonly domain: string;
  /** Its own name, which may be "". */
  readonly name: string;
  /** How many outputs it has, and which of them have a name. */
  readonly outputs: readonly boolean[];
}
/** Puts other nodes in the place of one; undefined leaves it as it is. An output that it cannot give is undefined. */
export type LowerNode = (node: FormedNode) => readonly (Value | undefined)[] | undefined;

export interface InstantiateOptions {
  /** The values that stand for inputs and tensors of the file's graph; tensors without one become constants. */
  readonly given: ReadonlyMap<string, Value>;
  /** Values of the file that are wanted; default: its outputs. Nodes that they do not need are left out. */
  readonly wanted?: readonly string[] | undefined;
  readonly lower?: LowerNode | undefined;
  /** Computes what only constants and known sizes decide at once: exporters compute sizes in floats, too, which are not followed otherwise. */
  readonly fold?: boolean | undefined;
  /** What node names begin with. */
  readonly scope?: string | undefined;
}

/** A function may call others: of a small file they can make a graph beyond all bounds. */
const maxCalls = 64;
const maxNodes = 200_000;

/** Names of one graph or function body; a branch also sees those around it. */
class Scope {
  readonly values = new Map<string, Value>();
  readonly later: ReadonlySet<string>;
  readonly outer: Scope | undefined;
  /** The attributes of the call that this is the body of. */
  readonly call: Attributes;
  readonly opset: number;
  readonly path: string;

  constructor(nodes: readonly SourceNode[], at: { readonly outer?: Scope; readonly call?: Attributes; readonly opset: number; readonly path: string }) {
    this.later = new Set(nodes.flatMap((n) => n.outputs));
    this.outer = at.outer;
    this.call = at.call ?? at.outer?.call ?? {};
    this.opset = at.opset;
    this.path = at.path;
  }
  find(name: string): Value | undefined {
    return this.values.get(name) ?? this.outer?.find(name);
  }
}

/** Whether it is the file's graph itself. */
const isWhole = (scope: Scope): boolean => scope.path === "" && scope.outer === undefined;

/** The names that a node reads, in its branches too. */
function* reads(node: SourceNode): Generator<string> {
  yield* node.inputs;
  for (const branch of node.graphs.values()) {
    for (const inner of branch.nodes) yield* reads(inner);
    for (const { name } of branch.outputs) yield name;
  }
}

export interface NeededPart {
  readonly nodes: readonly SourceNode[];
  /** Names of all values that are read: inputs and tensors among them. */
  readonly names: ReadonlySet<string>;
}
/** What of a graph some of its values need. */
export function neededPart(graph: SourceGraph, wanted: readonly string[]): NeededPart {
  const names = new Set(wanted);
  const nodes: SourceNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => name !== "" && names.has(name))) continue;
    nodes.push(node);
    for (const name of reads(node)) names.add(name);
  }
  return { nodes: nodes.reverse(), names };
}

class Instance {
  readonly #source: OnnxSource;
  readonly #graph: Graph;
  readonly #options: InstantiateOptions;
  #added = 0;

  constructor(source: OnnxSource, graph: Graph, options: InstantiateOptions) {
    this.#source = source;
    this.#graph = graph;
    this.#options = options;
  }

  #define(scope: Scope, name: string, value: Value, at: number): void {
    if (scope.values.has(name)) throw new OnnxError("ERR_ONNX_MALFORMED", `two values are named ${JSON.stringify(name)}`, at);
    scope.values.set(name, value);
    if (scope.path === "" && scope.outer === undefined && !this.#options.given.has(name) && value.producer && this.#options.scope === undefined)
      value.name = name;
  }

  #tensors(tensors: readonly SourceTensor[], scope: Scope, needed?: ReadonlySet<string>): void {
    const { given } = this.#options;
    for (const { name, data, at } of tensors) {
      if ((needed && !needed.has(name)) || (isWhole(scope) && given.has(name))) continue;
      const value = this.#graph.constant(data, name);
      value.name = name;
      this.#define(scope, name, value, at);
    }
  }

  #read(node: SourceNode, name: string, scope: Scope): Value | undefined {
    if (name === "") return undefined;
    const value = scope.find(name);
    if (value) return value;
    const order = scope.later.has(name) ? "before the node that makes it: nodes must be in topological order" : "which nothing makes";
    throw new OnnxError("ERR_ONNX_MALFORMED", `${shownNode(node)} reads ${JSON.stringify(name)}, ${order}`, node.at);
  }

  #attributes(node: SourceNode, scope: Scope): Attributes {
    if (node.references.size === 0) return node.attributes;
    const out = { ...node.attributes };
    for (const [name, from] of node.references) if (Object.hasOwn(scope.call, from)) out[name] = scope.call[from]!;
    return out;
  }

  run(nodes: readonly SourceNode[], scope: Scope): void {
    for (const node of nodes) {
      if (++this.#added > maxNodes) throw new OnnxError("ERR_ONNX_MALFORMED", `its functions make more than ${maxNodes} nodes`, node.at);
      const inputs = node.inputs.map((name) => this.#read(node, name, scope));
      const outputs = this.#outputs(node, inputs, scope);
      if (node.outputs.length > outputs.length)
        throw new OnnxError("ERR_ONNX_MALFORMED", `${shownNode(node)} names ${node.outputs.length} outputs, the op has ${outputs.length}`, node.at);
      for (const [i, name] of node.outputs.entries()) if (name !== "" && outputs[i]) this.#define(scope, name, outputs[i], node.at);
    }
  }

  #outputs(node: SourceNode, inputs: readonly (Value | undefined)[], scope: Scope): readonly (Value | undefined)[] {
    const body = this.#source.functions.get(functionKey(node.domain, node.op, node.overload));
    if (body) return this.#call(node, body, inputs, scope);
    if (node.op === "If" && node.domain === "") return this.#branch(node, inputs[0], scope);
    try {
      return this.#add(node, inputs, this.#attributes(node, scope), scope);
    } catch (error) {
      if (error instanceof AccelerateError && !(error instanceof OnnxError)) throw new OnnxError("ERR_ONNX_NODE", error.message, node.at, { cause: error });
      throw error;
    }
  }

  #add(node: SourceNode, inputs: readonly (Value | undefined)[], given: Attributes, scope: Scope): readonly (Value | undefined)[] {
    const { op, domain } = node;
    const wanted = Math.max(node.outputs.length, 1);
    const plain: NodeForm = { inputs, attributes: given };
    const { inputs: formed, attributes, outputs: count = wanted } = domain === "" ? upgrade(op, scope.opset, plain, wanted, this.#graph) : plain;
    const named = node.outputs.map((name) => name !== "");
    const lowered = this.#options.lower?.({ op, domain, name: node.name, inputs: formed, attributes, outputs: named });
    if (lowered) return lowered;
    const path = [this.#options.scope, scope.path].filter(Boolean).join("/");
    const made = this.#graph.add(op, formed, attributes, { domain, outputs: count, ...(path && { scope: path }), ...(node.name && { name: node.name }) });
    const known = this.#options.fold ? evaluated(this.#graph, this.#graph.nodes.at(-1)!, formed) : undefined;
    if (known) {
      this.#graph.nodes.pop();
      return [this.#graph.constant(known)];
    }
    // Outputs that the op no longer has are not made: reading one is an error.
    return count < wanted ? node.outputs.map((_, i) => made[i]) : made;
  }

  #call(node: SourceNode, body: SourceFunction, inputs: readonly (Value | undefined)[], scope: Scope): readonly (Value | undefined)[] {
    const path = `${scope.path ? `${scope.path}/` : ""}${node.name || node.op}`;
    let depth = 1;
    for (let s: Scope | undefined = scope; s; s = s.outer) depth += s.path === "" ? 0 : s.path.split("/").length;
    if (depth > maxCalls) throw new OnnxError("ERR_ONNX_MALFORMED", `${shownNode(node)}: functions call each other more than ${maxCalls} deep`, node.at);
    const call = { ...body.defaults, ...this.#attributes(node, scope) };
    const inner = new Scope(body.nodes, { call, opset: body.opset, path });
    for (const [i, name] of body.inputs.entries()) {
      const value = inputs[i];
      if (value) inner.values.set(name, value);
    }
    this.#tensors(body.tensors, inner);
    this.run(body.nodes, inner);
    return node.outputs.map((_, i) => inner.find(body.outputs[i] ?? ""));
  }

  #branch(node: SourceNode, condition: Value | undefined, scope: Scope): readonly Value[] {
    const taken = condition && decide(this.#graph.env, condition);
    if (taken === undefined)
      throw new OnnxError("ERR_ONNX_CONDITION", `${shownNode(node)}: which branch is taken depends on the data, or on sizes that are open`, node.at, {
        hint: "export the model for one case, with inputs that lead there and without control flow",
      });
    const graph = node.graphs.get(taken ? "then_branch" : "else_branch");
    if (!graph) throw new OnnxError("ERR_ONNX_MALFORMED", `${shownNode(node)} lacks a branch`, node.at);
    const inner = new Scope(graph.nodes, { outer: scope, opset: scope.opset, path: scope.path });
    this.#tensors(graph.tensors, inner);
    this.run(graph.nodes, inner);
    return graph.outputs.map(({ name, at }) => {
      const value = inner.find(name);
      if (!value) throw new OnnxError("ERR_ONNX_MALFORMED", `nothing makes the output ${JSON.stringify(name)} of a branch`, at);
      return value;
    });
  }

  whole(): ReadonlyMap<string, Value> {
    const { graph, opset } = this.#source;
    const { given, wanted } = this.#options;
    const part = wanted && neededPart(graph, wanted);
    const scope = new Scope(graph.nodes, { opset, path: "" });
    for (const [name, value] of given) scope.values.set(name, value);
    this.#tensors(graph.tensors, scope, part?.names);
    this.run(part?.nodes ?? graph.nodes, scope);
    return scope.values;
  }
}

/** Ops of a file that the table has not, each with the first node that has it. */
export function unknownOps(
  source: OnnxSource,
  knows: (op: string, domain: string) => boolean,
  nodes: readonly SourceNode[] = source.graph.nodes,
): ReadonlyMap<string, SourceNode> {
  const found = new Map<string, SourceNode>();
  const looked = new Set<string>();
  const open = [...nodes];
  for (const node of open) {
    const key = functionKey(node.domain, node.op, node.overload);
    const body = source.functions.get(key);
    if (body && !looked.has(key)) open.push(...body.nodes);
    looked.add(key);
    for (const branch of node.graphs.values()) open.push(...branch.nodes);
    const shown = `${node.domain ? `${node.domain}.` : ""}${node.op}`;
    if (!body && !(node.op === "If" && node.domain === "") && !knows(node.op, node.domain) && !found.has(shown)) found.set(shown, node);
  }
  return found;
}

/** The error that names unknown ops, if there are any. */
export function refuseUnknownOps(unknown: ReadonlyMap<string, SourceNode>): void {
  const [first] = unknown.values();
  if (!first) return;
  const list = [...unknown].slice(0, 10).map(([op, { name, outputs }]) => `${op} (node ${name || outputs[0] || "without a name"})`);
  const more = unknown.size > list.length ? ` and ${unknown.size - list.length} more` : "";
  throw new OnnxError("ERR_ONNX_OP", `ops that are not in the op table: ${list.join(", ")}${more}`, first.at, {
    hint: "describe them with registerOp of accelerate-ts/graph before the file is read",
  });
}

/**
 * Adds what a file says to a graph. Shapes are inferred there, with what is known of its sizes: hints decide which branch of an If is taken, and become guards.
 *
 * @returns the values of the file's graph by name
 * @throws OnnxError
 */
export function instantiate(source: OnnxSource, graph: Graph, options: InstantiateOptions): ReadonlyMap<string, Value> {
  return new Instance(source, graph, options).whole();
}

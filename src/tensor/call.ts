// A call of a module outside forward: finds or makes its trace, records the call, and gives outputs that are lazy until touched.
import { type InspectOptions, inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { type FlatArguments, flattenArguments } from "./arguments.js";
import { defaultGenerator } from "./generator.js";
import type { Parameter } from "./parameter.js";
import { parameterChanges } from "./parameter-changes.js";
import { noteUse, versionOf } from "./recording.js";
import type { LazyState, RecordedCall } from "./state.js";
import { Tensor } from "./tensor.js";
import { type OutputTree, type Trace, Tracer } from "./trace.js";

/** What can be called and traced: a module. */
export interface Traceable {
  /** For messages: the class. */
  readonly traceName: string;
  forward(...args: never[]): unknown;
  /** Everything besides the arguments that forward's graph depends on: modes, frozen parameters, kinds of tensors in fields. Lists these tensors. */
  structure(fields?: Tensor[]): string;
  namedParameters(): Iterable<readonly [name: string, parameter: Parameter]>;
  /** Tensors that have a name of their own in graphs. */
  namedBuffers?(): Iterable<readonly [name: string, tensor: Tensor]>;
  /** Itself ("") and its parts, with their paths. */
  namedModules(): Iterable<readonly [path: string, part: object]>;
}

/** Traces of a module by structure; the structure unused for longest goes first. */
type TraceCache = Map<string, Trace[]>;
let nextSerial = 0;
const caches = new WeakMap<Traceable, TraceCache>();
/** Enough for every mode and kind of batch; a bound for those who pass a new function or number with every call. */
const maxStructures = 64;

interface Found {
  readonly trace: Trace;
  readonly tensors: readonly Tensor[];
  readonly captured: readonly Tensor[];
  readonly sizes: Map<string, number>;
}

function runTrace(target: Traceable, fields: readonly Tensor[], flat: FlatArguments): Trace {
  const tracer = new Tracer(
    target.traceName,
    fields,
    () => new Map([...target.namedParameters()].map(([name, p]) => [p, name])),
    new Map([...target.namedModules(), ...(target.namedBuffers?.() ?? [])].map(([path, part]) => [part, path])),
  );
  const given = flat.rebuild((x, name) => tracer.input(x, name));
  return tracer.run(() => target.forward(...(given as never[])));
}

/** The graph of one call, traced anew whatever was called before, with the tensors that its inputs stand for. */
export function traceCall(target: Traceable, args: readonly unknown[]): { readonly trace: Trace; readonly tensors: readonly Tensor[] } {
  const flat = flattenArguments(args);
  const fields: Tensor[] = [];
  target.structure(fields);
  return { trace: runTrace(target, fields, flat), tensors: flat.tensors };
}

function findTrace(target: Traceable, args: readonly unknown[]): Found {
  const flat = flattenArguments(args);
  const { tensors } = flat;
  for (const x of tensors) {
    if (x.state.kind === "symbolic")
      throw new ArgumentError(`${target.traceName} was called with a tensor of a forward that has ended`, {
        code: "ERR_TRACE_LEAK",
        hint: "return it from that forward",
      });
  }
  const fields: Tensor[] = [];
  const key = `${target.structure(fields)}|${flat.key}`;
  const found = (trace: Trace, sizes: Map<string, number>): Found => {
    const captured = trace.captured.map(({ tensor, field }) => (field === undefined ? tensor : fields[field]!));
    return { trace, tensors, captured, sizes };
  };
  const cache: TraceCache = caches.get(target) ?? new Map();
  caches.set(target, cache);
  const traces = cache.get(key) ?? [];
  cache.delete(key);
  cache.set(key, traces);
  for (const trace of traces) {
    const sizes = sizesOf(trace, tensors);
    if (trace.graph.env.holds(sizes)) return found(trace, sizes);
  }
  const trace = runTrace(target, fields, flat);
  traces.push(trace);
  if (cache.size > maxStructures) cache.delete(cache.keys().next().value!);
  return found(trace, sizesOf(trace, tensors));
}

function sizesOf(trace: Trace, tensors: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [i, value] of trace.inputs.entries()) {
    const shape = tensors[i]!.shape;
    for (const [k, d] of value.shape.entries()) if (typeof d === "string") sizes.set(d, shape[k]!);
  }
  return sizes;
}

/** The tensors of a call: `touch` brings one out with the next run, `peek` only shows it. */
interface Outputs {
  readonly touch: (index: number) => Tensor;
  readonly peek: (index: number) => unknown;
}

/** Outputs as forward returned them, each tensor a getter that touches it when it is read. */
function outputsOf(tree: OutputTree, outputs: Outputs): unknown {
  if (tree.kind === "tensor") return outputs.touch(tree.index);
  if (tree.kind === "static") return tree.value;
  const target = tree.kind === "array" ? [] : {};
  for (const [key, item] of tree.kind === "array" ? tree.items.entries() : tree.entries) {
    const descriptor =
      item.kind === "tensor"
        ? { get: () => outputs.touch(item.index), enumerable: true, configurable: true }
        : { value: outputsOf(item, outputs), enumerable: true, configurable: true };
    Object.defineProperty(target, key, descriptor);
  }
  // Printing is not asking for values.
  const print = (_: number, options: InspectOptions) => inspect(shown(tree, outputs.peek), options);
  return Object.defineProperty(target, inspect.custom, { value: print, enumerable: false });
}
function shown(tree: OutputTree, peek: Outputs["peek"]): unknown {
  if (tree.kind === "tensor") return peek(tree.index);
  if (tree.kind === "static") return tree.value;
  if (tree.kind === "array") return tree.items.map((item) => shown(item, peek));
  return Object.fromEntries([...tree.entries].map(([key, item]) => [key, shown(item, peek)]));
}

/**
 * Records a call of a module. Nothing runs; the outputs are lazy tensors, and those never touched are never brought out.
 */
export function callTraced(target: Traceable, args: readonly unknown[]): unknown {
  const { trace, tensors, captured, sizes } = findTrace(target, args);
  const call: RecordedCall = {
    kind: "call",
    trace,
    inputs: tensors,
    captured,
    pending: trace.updates.length > 0,
    serial: nextSerial++,
    outputs: trace.outputs.map(() => undefined),
    key: trace.key ? defaultGenerator().drawKey() : undefined,
    version: versionOf(tensors, trace),
    changes: parameterChanges("values"),
  };
  noteUse(tensors, call);
  const shapeOf = (index: number) => trace.outputs[index]!.shape.map((d) => trace.graph.env.evaluate(d, sizes));
  const touch = (index: number): Tensor => {
    const known = call.outputs[index];
    if (known) return known;
    const value = trace.outputs[index]!;
    const shape = shapeOf(index);
    const state: LazyState = { kind: "lazy", shape, source: call, index, used: false, users: [], data: undefined, expired: false };
    const tensor = Tensor.make(value.dtype, state);
    call.outputs[index] = tensor;
    return tensor;
  };
  const peek = (index: number): unknown =>
    call.outputs[index] ?? { [inspect.custom]: () => `Tensor ${trace.outputs[index]!.dtype} [${shapeOf(index).join(", ")}] (not touched)` };
  return outputsOf(trace.tree, { touch, peek });
}

// A call of a module outside forward: finds or makes its trace, records the call, and gives outputs that are lazy until touched.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { defaultGenerator } from "./generator.js";
import type { Parameter } from "./parameter.js";
import { noteUse, versionOf } from "./recording.js";
import type { LazyState, RecordedCall } from "./state.js";
import { Tensor } from "./tensor.js";
import { type OutputTree, type Trace, Tracer } from "./trace.js";

/** What can be called and traced: a module. */
export interface Traceable {
  /** For messages: the class. */
  readonly traceName: string;
  forward(...args: never[]): unknown;
  /** Everything besides the arguments that forward's graph depends on: modes and frozen parameters, as text. */
  structure(): string;
  namedParameters(): Iterable<readonly [name: string, parameter: Parameter]>;
}

interface TraceCache {
  readonly byKey: Map<string, Trace[]>;
}
const caches = new WeakMap<Traceable, TraceCache>();

/** Functions and other objects among the arguments are told apart by identity. */
const identities = new WeakMap<object, number>();
let nextIdentity = 1;
function identity(value: object): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, nextIdentity);
  return nextIdentity++;
}

interface Flattened {
  readonly key: string;
  readonly tensors: Tensor[];
  /** The same arguments with other tensors in place. */
  rebuild(replace: (x: Tensor, name: string) => Tensor): unknown;
}

const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype;
};

/** Takes tensors out of nested arrays and objects; the rest is structure. */
function flatten(value: unknown, tensors: Tensor[], name: string): Omit<Flattened, "tensors"> {
  if (value instanceof Tensor) {
    tensors.push(value);
    return { key: `${value.dtype}${value.rank}`, rebuild: (replace) => replace(value, name) };
  }
  if (Array.isArray(value)) {
    const items = value.map((v, i) => flatten(v, tensors, `${name}_${i}`));
    return { key: `[${items.map((i) => i.key).join()}]`, rebuild: (replace) => items.map((i) => i.rebuild(replace)) };
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([k, v]) => [k, flatten(v, tensors, name === "x" ? k : `${name}_${k}`)] as const);
    if (isPlain(value) || tensors.length > 0) {
      return {
        key: `{${entries.map(([k, v]) => `${k}:${v.key}`).join()}}`,
        rebuild: (replace) => Object.fromEntries(entries.map(([k, v]) => [k, v.rebuild(replace)])),
      };
    }
  }
  if ((typeof value === "object" && value !== null) || typeof value === "function") return { key: `@${identity(value)}`, rebuild: () => value };
  return { key: typeof value === "string" ? JSON.stringify(value) : String(value), rebuild: () => value };
}

function findTrace(target: Traceable, args: readonly unknown[]): { trace: Trace; tensors: readonly Tensor[]; sizes: Map<string, number> } {
  const tensors: Tensor[] = [];
  const flat = flatten(args.length === 1 ? args[0] : args, tensors, "x");
  for (const x of tensors) {
    if (x.state.kind === "symbolic")
      throw new ArgumentError(`${target.traceName} was called with a tensor of a forward that has ended`, { code: "ERR_TRACE_LEAK" });
  }
  let cache = caches.get(target);
  if (!cache) {
    cache = { byKey: new Map() };
    caches.set(target, cache);
  }
  const key = `${target.structure()}|${flat.key}`;
  let traces = cache.byKey.get(key);
  if (!traces) {
    traces = [];
    cache.byKey.set(key, traces);
  }
  for (const trace of traces) {
    const sizes = sizesOf(trace, tensors);
    if (trace.graph.env.holds(sizes)) return { trace, tensors, sizes };
  }
  const tracer = new Tracer(target.traceName, () => new Map([...target.namedParameters()].map(([name, p]) => [p, name])));
  const given = flat.rebuild((x, name) => tracer.input(x, name));
  const forwardArgs = (args.length === 1 ? [given] : (given as unknown[])) as never[];
  const trace = tracer.run(() => target.forward(...forwardArgs));
  traces.push(trace);
  return { trace, tensors, sizes: sizesOf(trace, tensors) };
}

function sizesOf(trace: Trace, tensors: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [i, value] of trace.inputs.entries()) {
    const shape = tensors[i]!.shape;
    for (const [k, d] of value.shape.entries()) if (typeof d === "string") sizes.set(d, shape[k]!);
  }
  return sizes;
}

/** Outputs as forward returned them, each tensor a getter that touches it when it is read. */
function outputsOf(tree: OutputTree, touch: (index: number) => Tensor): unknown {
  if (tree.kind === "tensor") return touch(tree.index);
  if (tree.kind === "static") return tree.value;
  const define = (target: object, key: string | number, item: OutputTree) => {
    const descriptor =
      item.kind === "tensor"
        ? { get: () => touch(item.index), enumerable: true, configurable: true }
        : { value: outputsOf(item, touch), enumerable: true, configurable: true };
    Object.defineProperty(target, key, descriptor);
  };
  if (tree.kind === "array") {
    const list: unknown[] = [];
    for (const [i, item] of tree.items.entries()) define(list, i, item);
    return list;
  }
  const object = {};
  for (const [k, item] of tree.entries) define(object, k, item);
  const names = tree.entries.map(([k]) => k);
  Object.defineProperty(object, inspect.custom, { value: () => `{ ${names.join(", ")} } (outputs, computed when touched)`, enumerable: false });
  return object;
}

/**
 * Records a call of a module. Nothing runs; the outputs are lazy tensors, and those never touched are never brought out.
 */
export function callTraced(target: Traceable, args: readonly unknown[]): unknown {
  const { trace, tensors, sizes } = findTrace(target, args);
  const call: RecordedCall = {
    kind: "call",
    trace,
    inputs: tensors,
    outputs: trace.outputs.map(() => undefined),
    key: trace.key ? defaultGenerator().drawKey() : undefined,
    version: versionOf(trace.parameters.keys()),
  };
  noteUse(tensors, call);
  const touch = (index: number): Tensor => {
    const known = call.outputs[index];
    if (known) return known;
    const value = trace.outputs[index]!;
    const shape = value.shape.map((d) => trace.graph.env.evaluate(d, sizes));
    const state: LazyState = { kind: "lazy", shape, source: call, index, users: [], data: undefined, expired: false };
    const tensor = Tensor.make(value.dtype, state);
    call.outputs[index] = tensor;
    return tensor;
  };
  return outputsOf(trace.tree, touch);
}

// Applies an op to tensors: into the graph while forward is traced, into the recording otherwise.
import { AccelerateError, ArgumentError, ShapeError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import { type DType, dtypes, isFloat, sizeOf } from "../graph/dtype.js";
import { Graph } from "../graph/graph.js";
import { encoders } from "./encode.js";
import { defaultGenerator } from "./generator.js";
import { parameterChanges } from "./parameter-changes.js";
import { noteUse, versionOf } from "./recording.js";
import { noAttributes, type OpAttributes, tensorOps } from "./ops.js";
import { graphDim } from "./size.js";
import type { LazyState, RecordedOp } from "./state.js";
import { Tensor } from "./tensor.js";
import { activeTracer, type Tracer } from "./trace.js";
import type { Dim } from "./types.js";

interface Inferred {
  readonly dtype: DType;
  readonly shape: readonly number[];
}
/** Shapes seen at record time; bounded, because sizes differ from batch to batch. */
const inferred = new Map<string, Inferred>();
const maxInferred = 20_000;

/** Dtype and numeric shape of an op's output: the same emitter and shape rules as in a graph, on known sizes. */
function infer(op: string, inputs: readonly Tensor[], attributes: OpAttributes, attributesKey: string): Inferred {
  let key = `${op}${attributesKey}`;
  for (const x of inputs) key += `;${x.dtype}${x.shape.join()}`;
  const known = inferred.get(key);
  if (known) return known;
  const graph = new Graph();
  const values = inputs.map((x, i) => graph.input(`x${i}`, x.dtype, x.shape));
  try {
    const out = tensorOps[op]!(new Builder(graph), values, attributes);
    const result = { dtype: out.dtype, shape: graph.env.resolveShape(out.shape) as number[] };
    if (result.shape.some((d) => typeof d !== "number")) throw new ShapeError("the size of the result depends on values");
    if (inferred.size >= maxInferred) inferred.clear();
    inferred.set(key, result);
    return result;
  } catch (error) {
    if (!(error instanceof AccelerateError)) throw error;
    const shapes = inputs.map((x) => `${x.dtype} [${x.shape.join(", ")}]`).join(", ");
    const Kind = error instanceof ShapeError ? ShapeError : ArgumentError;
    throw new Kind(`${op}(${shapes}): ${error.message.replace(/^node [^:]*: /, "")}`, { code: error.code, cause: error });
  }
}

function trace(tracer: Tracer, op: string, inputs: readonly Tensor[], attributes: OpAttributes): Tensor {
  const values = inputs.map((x) => tracer.valueOf(x));
  const dims = attributes.dims as readonly Dim[] | undefined;
  const value = tensorOps[op]!(tracer.builder, values, dims ? { ...attributes, dims: dims.map(graphDim) } : attributes);
  return tracer.tensorOf(value);
}

/**
 * A reshape in a form that does not name the sizes of this very batch, where there is one: leading sizes that x has as well are copied from
 * it, and the first of the others is left open. What is no reshape of x stays as it is, for an error that shows it.
 */
function sizeless(x: Tensor, attributes: OpAttributes): OpAttributes {
  const dims = attributes.dims as readonly Dim[];
  const total = sizeOf(x.shape);
  const known = sizeOf(dims.filter((d) => d !== -1));
  if (total === 0 || !dims.every((d) => d === -1 || d > 0) || (dims.includes(-1) ? total % known !== 0 : total !== known)) return attributes;
  const differs = dims.findIndex((d, i) => d !== x.shape[i]);
  const copied = differs < 0 ? dims.length : differs;
  const rest = dims.slice(copied);
  return { copied, dims: rest.length === 0 || rest.includes(-1) ? rest : [-1, ...rest.slice(1)] };
}

function record(op: string, inputs: readonly Tensor[], given: OpAttributes, key?: Tensor): Tensor {
  for (const { state } of inputs) {
    if (state.kind !== "symbolic") continue;
    throw new AccelerateError("ERR_TRACE_LEAK", `${op} of a tensor of a forward that has ended (${state.value.name})`, {
      hint: "return it from forward, and use what the call of the module gives",
    });
  }
  const attributes = op === "reshape" ? sizeless(inputs[0]!, given) : given;
  const attributesKey = attributes === noAttributes ? "" : JSON.stringify(attributes);
  const { dtype, shape } = infer(op, key ? [...inputs, key] : inputs, attributes, attributesKey);
  const source: RecordedOp = {
    kind: "op",
    op,
    attributes,
    attributesKey,
    inputs,
    outputs: [undefined],
    key,
    version: versionOf(inputs),
    changes: parameterChanges("values"),
  };
  const state: LazyState = { kind: "lazy", shape, source, index: 0, used: false, users: [], data: undefined, expired: false };
  noteUse(inputs, source);
  const out = Tensor.make<number, DType>(dtype, state);
  source.outputs[0] = out;
  return out;
}

/**
 * Applies one of the ops of `tensorOps`: what layers and losses are made of. Tensors are inputs, everything static is an attribute.
 *
 * @example
 * const y = apply("layerNorm", [x, weight, bias], { epsilon: 1e-5 });
 */
export function apply(op: string, inputs: readonly (Tensor | undefined)[], attributes: OpAttributes = noAttributes): Tensor {
  if (!tensorOps[op]) throw new ArgumentError(`no tensor op "${op}"`, { hint: `there are ${Object.keys(tensorOps).join(", ")}` });
  const given = inputs.filter((x) => x !== undefined);
  for (const [i, x] of given.entries())
    if (!(x instanceof Tensor))
      throw new ArgumentError(`${op}: input ${i} is ${x === null ? "null" : `a ${typeof x}`}, not a tensor`, { hint: "make it one with tensor(...)" });
  const tracer = activeTracer();
  if (op === "dropout") {
    if (tracer) return trace(tracer, op, [...given, tracer.key()], { ...attributes, site: tracer.nextSite() });
    return record(op, given, { ...attributes, site: 0 }, defaultGenerator().drawKey());
  }
  return tracer ? trace(tracer, op, given, attributes) : record(op, given, attributes);
}

/**
 * A 0-d tensor for a number that meets x: of x's dtype, or float32 when x holds integers and the number is none. In forward it
 * is part of the graph; outside it is fed, so that a changing number compiles nothing.
 */
export function scalarFor(x: Tensor, value: number): Tensor {
  const dtype: DType = isFloat(x.dtype) ? x.dtype : !Number.isInteger(value) ? "float32" : x.dtype === "bool" ? "int64" : x.dtype;
  const data = new dtypes[dtype].array(1);
  data[0] = encoders[dtype](value) as never;
  const tracer = activeTracer();
  return tracer ? tracer.tensorOf(tracer.graph.constant({ dtype, shape: [], data })) : Tensor.make(dtype, { kind: "concrete", shape: [], data });
}

/** An op of a tensor and a tensor or number. */
export function applyScalar(op: string, x: Tensor, y: number | Tensor): Tensor {
  if (typeof y !== "number" && !(y instanceof Tensor)) throw new ArgumentError(`${op}: a tensor or a number, not ${typeof y}`);
  return apply(op, [x, typeof y === "number" ? scalarFor(x, y) : y]);
}

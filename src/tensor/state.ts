// What stands behind a tensor in each of its three states, and the recording that lazy tensors form.
import type { TypedArray } from "../graph/dtype.js";
import type { Value } from "../graph/graph.js";
import type { DeviceArray } from "../runtime/device-context.js";
import type { Resident } from "./resident.js";
import type { OpAttributes } from "./ops.js";
import { publicDim } from "./size.js";
import type { Tensor } from "./tensor.js";
import type { Trace, Tracer } from "./trace.js";
import type { Dim } from "./types.js";

/** Inside forward, while it is traced. */
export interface SymbolicState {
  readonly kind: "symbolic";
  readonly tracer: Tracer;
  readonly value: Value;
}
/** Recorded, not run; or run, with its recipe kept as long as it can still be differentiated or computed again. */
export interface LazyState {
  readonly kind: "lazy";
  readonly shape: readonly number[];
  /** What computes it, and which output it is. */
  source: Recorded | undefined;
  readonly index: number;
  /** Whether something was recorded on it: a touched tensor that was never used is a sink, and is brought out by the next run. */
  used: boolean;
  /** What was recorded on it since a run last looked for sinks. */
  users: Recorded[];
  data: TypedArray | undefined;
  /** Where a run on a device has left its numbers. */
  resident?: Resident;
  /** Its recipe was dropped because parameters have changed: readable, but no longer differentiable. */
  expired: boolean;
  /** What reads its numbers when it was not recorded: the gradient of a parameter whose ranks have to bring it together first. */
  readonly load?: () => Promise<TypedArray>;
}
/** Whether a run has made its numbers, wherever they lie. */
export const isComputed = (state: LazyState): boolean => state.data !== undefined || state.resident !== undefined;

export interface ConcreteState {
  readonly kind: "concrete";
  readonly shape: readonly number[];
  readonly data: TypedArray;
  /** Where a device has its numbers now: they change under the tensor, as the gradient of a parameter does. */
  readonly place?: () => DeviceArray;
}
/** A parameter: its numbers lie in an arena, or in an array of its own until it has one. */
export interface ParameterState {
  readonly kind: "parameter";
  readonly shape: readonly number[];
}
export type TensorState = SymbolicState | LazyState | ConcreteState | ParameterState;

/** A size of a tensor: symbolic while forward is traced and the size differs from batch to batch. */
export function dimOf(state: TensorState, axis: number): Dim {
  if (state.kind !== "symbolic") return state.shape[axis]! as Dim;
  const { tracer, value } = state;
  tracer.builder.source(value);
  return publicDim(tracer.graph.env.resolve(value.shape[axis]!), `shape[${axis}] of ${value.name}`);
}

/** One op applied outside forward. */
export interface RecordedOp {
  readonly kind: "op";
  readonly op: string;
  readonly attributes: OpAttributes;
  /** The attributes as text: part of the structure. */
  readonly attributesKey: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: (Tensor | undefined)[];
  /** Dropout key of this op, fed after its inputs; undefined when nothing is drawn. */
  readonly key: Tensor | undefined;
  /** Sum of the versions of the parameters among its inputs when it was recorded: differs once one of them has changed. */
  readonly version: number;
  /** How often parameters of the process had changed then: unless that has grown, no version has. */
  readonly changes: number;
}
/** One call of a module outside forward. */
export interface RecordedCall {
  readonly kind: "call";
  readonly trace: Trace;
  /** The tensor arguments, flattened. */
  readonly inputs: readonly Tensor[];
  /** The concrete tensors that forward met, as they are at this call; once its run has written into some of them, copies of what these held before. */
  captured: readonly Tensor[];
  /** Whether new values of buffers are still to be written. */
  pending: boolean;
  /** Its place among the calls of the process: buffers are written in this order. */
  readonly serial: number;
  /** The outputs that the program has touched. */
  readonly outputs: (Tensor | undefined)[];
  /** Dropout key of this call; undefined when nothing is drawn. */
  readonly key: Tensor | undefined;
  /** As of an op, with the parameters of its module. */
  readonly version: number;
  /** How often parameters of the process had changed then: unless that has grown, no version has. */
  readonly changes: number;
}
export type Recorded = RecordedOp | RecordedCall;

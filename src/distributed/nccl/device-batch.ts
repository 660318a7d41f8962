// Several collectives of a device as one call: how the addon takes them, what ranks compare of them, and how messages name them.
import { type DType, dtypes } from "../../graph/dtype.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import type { DeviceArray } from "../../runtime/device-context.js";
import { type CheckedCall, checkRoot } from "../collective-checks.js";
import type { CollectiveName, DeviceCall, DeviceOrder, DeviceReduce } from "../process-group.js";
import { kindNumber, type NativeOperation, reduceNumbers } from "./native-nccl.js";

export interface DeviceBatch extends CheckedCall {
  readonly operations: readonly NativeOperation[];
}

/** What the ranks compare says nothing of these. */
export type Issued = CheckedCall & Partial<Pick<DeviceBatch, "operations">> & { readonly order?: DeviceOrder };

/** Its number is the same on all ranks. */
export interface NumberedCall extends CheckedCall {
  readonly number: number;
}

/** As messages name it. */
export const textOf = ({ op, dtype, count, number }: NumberedCall, purpose: string | undefined): string =>
  `${op} ${number} (${[...(purpose ? [purpose] : []), ...(dtype ? [`${dtype} [${count}]`] : [])].join(", ")})`;

const reduceOf = (reduce: DeviceReduce): readonly [number: number, factor: number] =>
  typeof reduce === "string" ? [reduceNumbers[reduce], 1] : [reduceNumbers.premultiplied, reduce.factor];

function fit(part: DeviceArray, whole: DeviceArray, size: number, op: string): void {
  if (part.dtype !== whole.dtype) throw new ArgumentError(`${op} of ${part.dtype} and ${whole.dtype}`, { hint: "both arrays must have one dtype" });
  if (part.length * size !== whole.length)
    throw new ShapeError(`${op}: arrays of ${part.length} and ${whole.length} elements`, { hint: `one must be ${size} times as long as the other` });
}

/** Several calls as one, which the ranks compare by what they have in common. */
export function batchOf(calls: readonly DeviceCall[], rank: number, size: number): DeviceBatch {
  const toSelf = (op: DeviceCall["op"]): number => calls.filter((call) => call.op === op && "peer" in call && call.peer === rank).length;
  if (toSelf("send") !== toSelf("receive"))
    throw new ArgumentError(`a rank sends ${toSelf("send")} arrays to itself and receives ${toSelf("receive")} of them in one group of calls`, {
      hint: "each send to oneself needs its receive in the same group",
    });
  const operations = calls.map((call): NativeOperation => {
    const kind = kindNumber(call.op);
    const row = (dtype: DType, [reduce, factor]: readonly [number, number], peer: number, input: DeviceArray, output: DeviceArray): NativeOperation => [
      kind,
      dtypes[dtype].onnx,
      reduce,
      factor,
      peer,
      input.length,
      input.handle,
      output.handle,
    ];
    if (call.op === "zeros") return row(call.data.dtype, [0, 1], 0, call.data, call.data);
    if ("data" in call) {
      const peer = call.op === "broadcast" ? call.root : call.peer;
      checkRoot(peer, size);
      return row(call.data.dtype, [0, 1], peer, call.data, call.data);
    }
    const { input, output } = call;
    if (call.op === "all-gather") fit(input, output, size, call.op);
    else if (call.op === "reduce-scatter") fit(output, input, size, call.op);
    else fit(input, output, 1, call.op);
    return row(input.dtype, call.op === "all-gather" ? [0, 1] : reduceOf(call.reduce), 0, input, output);
  });
  const lengthOf = (call: DeviceCall): number => ("data" in call ? call.data : call.input).length;
  const shared = calls.filter((call) => call.op !== "zeros");
  const [first] = shared;
  // Who sends to whom is each rank's own affair.
  if (!first || shared.some(({ op }) => op === "send" || op === "receive")) return { op: "barrier", count: 0, operations };
  return {
    op: first.op as CollectiveName,
    dtype: ("data" in first ? first.data : first.input).dtype,
    count: shared.reduce((sum, call) => sum + lengthOf(call), 0),
    ...(first.op === "broadcast" && { root: first.root }),
    ...((first.op === "all-reduce" || first.op === "reduce-scatter") && { reduce: first.reduce === "max" ? "max" : "sum" }),
    operations,
  };
}

// Rows that are added to a batch so that it can be divided among processes.
import { ArgumentError } from "../../errors.js";
import { cat, type Tensor, zeros } from "../../tensor/index.js";
import { replaceTensors, type Same, type Tensors, tensorsIn } from "./nested.js";

/**
 * Tensors with rows of zeros behind their own, so that the number of rows is a multiple of the number of processes.
 *
 * @example
 * padInputTensors({ input_ids: tensor([[1], [2], [3]]) }, 2).input_ids.shape; // [4, 1]
 */
export function padInputTensors<const T extends Tensors>(value: T, numProcesses: number): Same<T> {
  if (!Number.isInteger(numProcesses) || numProcesses < 1)
    throw new ArgumentError(`padInputTensors: ${numProcesses} processes`, { hint: "give a whole number from 1 on" });
  const padded = tensorsIn(value, "padInputTensors").map(([path, x]): Tensor => {
    const [rows, ...inner] = x.shape;
    if (rows === undefined) throw new ArgumentError(`padInputTensors: ${path || "the value"} is a scalar, which has no rows`);
    const missing = (numProcesses - (rows % numProcesses)) % numProcesses;
    return missing === 0 ? x : cat([x, zeros([missing, ...inner], { dtype: x.dtype })]);
  });
  return replaceTensors(value, padded.values()) as Same<T>;
}

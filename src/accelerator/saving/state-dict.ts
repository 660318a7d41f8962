// The numbers of a model as tensors of their own.
import { dtypes } from "../../graph/dtype.js";
import type { ModuleBase } from "../../nn/index.js";
import { moduleTensors } from "../../nn/module-file.js";
import type { Tensor } from "../../tensor/index.js";
import { concrete } from "../collectives/exchange-tensors.js";

/** Parameters, then persistent buffers; copies. */
export async function stateDictOf(model: ModuleBase): Promise<Record<string, Tensor>> {
  const tensors = await moduleTensors(model);
  return Object.fromEntries([...tensors].map(([name, { dtype, shape, data }]) => [name, concrete(dtype, shape, new dtypes[dtype].array(data as never))]));
}

// The values of a tensor: at hand, or brought out of the recording by a run.
import { AccelerateError } from "../errors.js";
import type { TypedArray } from "../graph/dtype.js";
import { defaultExecutor } from "./executor.js";
import type { Parameter } from "./parameter.js";
import type { Tensor } from "./tensor.js";
import type { WaitOptions } from "./types.js";

/** The typed array behind a tensor; computes it and all sinks around it when it was only recorded. */
export async function compute(tensor: Tensor, options: WaitOptions = {}): Promise<TypedArray> {
  const s = tensor.state;
  if (s.kind === "symbolic") {
    throw new AccelerateError("ERR_SYMBOLIC_VALUE", `${s.value.name} has no value while forward is traced`, {
      hint: "forward describes the model; ask for values of what a call of the model returns",
    });
  }
  if (s.kind === "parameter") return (tensor as Parameter).values();
  if (s.data) return s.data;
  if (s.kind === "lazy" && s.load) {
    s.data = await s.load();
    return s.data;
  }
  if (s.kind === "lazy" && !s.resident) await defaultExecutor().bringOut(tensor, options);
  if (s.kind === "lazy" && s.resident) s.data ??= await s.resident.load();
  if (!s.data) throw new AccelerateError("ERR_NOT_COMPUTED", "a run ended without the value that it was made for");
  return s.data;
}

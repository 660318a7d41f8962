// What people see of tensors and of names that are no dtype.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { dtypes } from "../graph/dtype.js";
import { nest, numbersOf } from "./numbers.js";
import { isComputed } from "./state.js";
import type { Tensor } from "./tensor.js";

/** Dtype and sizes, and the numbers where there are at most 16 and they are known: nothing is computed for it. */
export function shown({ dtype, state: s }: Tensor): string {
  if (s.kind === "symbolic") return `Tensor ${dtype} ${s.tracer.graph.env.show(s.value.shape)} (symbolic)`;
  const what = `Tensor ${dtype} [${s.shape.join(", ")}]`;
  const data = s.kind === "concrete" || s.kind === "lazy" ? s.data : undefined;
  if (!data) return s.kind !== "lazy" ? what : isComputed(s) ? `${what} (on ${s.resident?.context.device})` : `${what} (not computed)`;
  return data.length <= 16 ? `${what} ${inspect(nest(numbersOf(dtype, data), s.shape), { breakLength: Number.POSITIVE_INFINITY })}` : what;
}

/** @throws ArgumentError ERR_DTYPE */
export function refuseOtherDTypes(name: unknown): void {
  if (typeof name !== "string" || !Object.hasOwn(dtypes, name))
    throw new ArgumentError(`to: there is no dtype ${JSON.stringify(name)}`, {
      code: "ERR_DTYPE",
      hint: `dtypes are ${Object.keys(dtypes).join(", ")}; a device is an object, as accelerator.device`,
    });
}

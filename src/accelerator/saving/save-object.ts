// Any value in a file: tensors as safetensors, everything else as JSON.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { ArgumentError } from "../../errors.js";
import type { TensorData } from "../../graph/dtype.js";
import { saveSafetensors, writeWhole } from "../../safetensors/index.js";
import { Tensor } from "../../tensor/index.js";
import { writing } from "./write-errors.js";

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const children = (value: object): (readonly [string, unknown])[] =>
  value instanceof Map ? [...value].map(([key, v]) => [String(key), v]) : Object.entries(value);

/** All leaves with their paths: "optimizer.state.0". */
function* leaves(value: unknown, path: string): Generator<readonly [path: string, value: unknown]> {
  if (!isObject(value) || value instanceof Tensor) return yield [path, value];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && !(value instanceof Map && path === "") && prototype !== Object.prototype && prototype !== null)
    throw new ArgumentError(`save: ${path || "the value"} is ${value.constructor?.name}`, {
      hint: "give tensors, or what JSON can hold, in lists and plain objects",
    });
  for (const [key, child] of children(value)) yield* leaves(child, path ? `${path}.${key}` : key);
}

function checkJson(path: string, value: unknown): void {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return;
  throw new ArgumentError(`save: ${path || "the value"} is ${typeof value === "number" ? value : typeof value}, which JSON cannot hold`, {
    hint: "save it as a text or a finite number, or leave it out",
  });
}

/** Writes the file whole or not at all, with the directories above it. @throws ArgumentError for a value that neither format can hold, and for tensors among other values; AccelerateError ERR_SAVE where the system refuses. */
export async function saveObject(value: unknown, file: string): Promise<void> {
  const all = [...leaves(value, "")];
  const tensors = all.filter((leaf): leaf is readonly [string, Tensor] => leaf[1] instanceof Tensor);
  const other = all.find(([, leaf]) => !(leaf instanceof Tensor));
  if (tensors.length > 0 && other)
    throw new ArgumentError(`save: ${tensors[0]![0]} is a tensor and ${other[0]} is none`, { hint: "save tensors and other values in files of their own" });
  const write = (contents: () => Promise<void>): Promise<void> =>
    writing(file, async () => {
      await mkdir(dirname(file), { recursive: true });
      await contents();
    });
  if (tensors.length === 0) {
    for (const [path, leaf] of all) checkJson(path, leaf);
    if (value instanceof Map) throw new ArgumentError("save: JSON holds no Map", { hint: "give Object.fromEntries(map)" });
    return write(() => writeWhole(file, [`${JSON.stringify(value, null, 2)}\n`]));
  }
  const data: (readonly [string, TensorData])[] = [];
  for (const [path, tensor] of tensors) data.push([path || "tensor", { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.data() }]);
  await write(() => saveSafetensors(file, data));
}

// What a file of torch.save holds as plain values: dicts as maps, lists and tuples as lists, tensors that can be read.
import type { Fault } from "./error.js";
import type { TorchTensor } from "./tensors.js";
import { Dict, kindOf, List, TensorNote, Tuple, type Value } from "./values.js";

/** A value of a pickle, without anything that only Python knows. */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TorchTensor
  | readonly TorchValue[]
  | ReadonlyMap<string | number, TorchValue>;

/** Containers within each other, and values in all: a file of a few bytes can hold one list many times in itself. */
const maxDepth = 32;
const maxVisited = 1_000_000;

/** @throws TorchFileError for what is no plain value */
export function plainValue(value: Value, tensor: (path: string, note: TensorNote) => TorchTensor, fault: Fault): TorchValue {
  let visited = 0;
  const walk = (item: Value, path: string, depth: number): TorchValue => {
    if (++visited > maxVisited || depth > maxDepth)
      throw fault(
        "ERR_TORCH_FILE_LIMIT",
        depth > maxDepth ? `containers more than ${maxDepth} deep` : `more than ${maxVisited.toLocaleString("en-US")} values`,
      );
    const at = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`);
    if (item instanceof TensorNote) return tensor(path, item);
    if (item instanceof List || item instanceof Tuple) return item.items.map((part, i) => walk(part, at(i), depth + 1));
    if (item instanceof Dict) {
      const made = new Map<string | number, TorchValue>();
      for (const [key, part] of item.entries) {
        if (typeof key !== "string" && typeof key !== "number") throw fault("ERR_TORCH_FILE_FORMAT", `${kindOf(key)} is the key of a dict`);
        made.set(key, walk(part, at(key), depth + 1));
      }
      return made;
    }
    if (typeof item !== "object" || item === null || item instanceof Uint8Array) return item;
    throw fault("ERR_TORCH_FILE_FORMAT", `${path || "the file"} is ${kindOf(item)}`);
  };
  return walk(value, "", 0);
}

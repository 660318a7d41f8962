// Where tensors do not belong: finds one in any value.
import { Tensor } from "./tensor.js";

/** The path of a tensor in a value, if there is one: `path`, that of the value, and what follows. */
export function tensorIn(value: unknown, path = "", within: ReadonlySet<unknown> = new Set()): string | undefined {
  if (value instanceof Tensor) return path || "the value";
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || within.has(value)) return undefined;
  const inner = new Set(within).add(value);
  const parts = value instanceof Map || value instanceof Set ? [...value].flat() : Array.isArray(value) ? value : undefined;
  const named = parts
    ? parts.map((part, i) => [`${path}[${i}]`, part] as const)
    : Object.entries(value).map(([key, part]) => [path ? `${path}.${key}` : key, part] as const);
  for (const [name, part] of named) {
    const found = typeof part === "object" ? tensorIn(part, name, inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

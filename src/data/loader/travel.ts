// Rows and batches as bytes, from rank 0 to the others: what structured cloning carries, and tensors.
import { deserialize, serialize } from "node:v8";
import { ArgumentError } from "../../errors.js";
import { type Parts, putTogether, takeApart } from "./parts.js";

/** @throws ArgumentError ERR_DISPATCH_VALUE naming the place of what cannot travel. */
export async function pack(value: unknown): Promise<Uint8Array> {
  const parts = await takeApart(value, cannot);
  try {
    return serialize(parts);
  } catch (cause) {
    throw new ArgumentError(`dispatchBatches: a row cannot travel to another worker (${(cause as Error).message})`, { code: "ERR_DISPATCH_VALUE", cause });
  }
}

const cannot = (what: string, place: string): ArgumentError =>
  new ArgumentError(`dispatchBatches: ${what} cannot travel to another worker${place ? ` (${place})` : ""}`, {
    code: "ERR_DISPATCH_VALUE",
    hint: "rows of numbers, texts, lists, plain objects and tensors travel; or leave dispatchBatches out, then every worker reads for itself",
  });

export const unpack = (bytes: Uint8Array): unknown => putTogether(deserialize(bytes) as Parts);

// Running things on some workers, in turn, or on parts of a list.
import type { CollectiveOptions, ProcessGroup } from "../distributed/index.js";
import { AccelerateError, ArgumentError } from "../errors.js";

type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** `first` runs the body while the others wait; then they run it. A body that fails there fails everywhere, at once. */
export async function firstThenOthers<V>(group: ProcessGroup, first: number, body: () => V | Promise<V>, options: CollectiveOptions): Promise<V> {
  if (group.size === 1) return body();
  if (group.rank === first) {
    let value: V;
    try {
      value = await body();
    } catch (error) {
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      // The body's own error is the one to be seen, also where the others cannot be told.
      await group.broadcastObject<Outcome>({ ok: false, message }, first, options).catch(() => {});
      throw error;
    }
    await group.broadcastObject<Outcome>({ ok: true }, first, options);
    return value;
  }
  const outcome = await group.broadcastObject<Outcome>(undefined, first, options);
  if (outcome.ok) return body();
  throw new AccelerateError("ERR_PEER_FAILED", `rank ${first} failed where the others waited for it (${outcome.message})`, {
    hint: `see the error of rank ${first}`,
  });
}

/** The part of a list that belongs to a worker: as even as can be, the first ones get one more; by padding with the last item all get as many. */
export function partOf<T>(
  items: readonly T[],
  { rank, size }: { readonly rank: number; readonly size: number },
  options: { readonly applyPadding?: boolean } = {},
): T[] {
  if (!Array.isArray(items))
    throw new ArgumentError("splitBetweenProcesses takes a list", { hint: "give an array; of several columns split the list of row numbers" });
  const whole = Math.floor(items.length / size);
  const rest = items.length % size;
  const begin = rank * whole + Math.min(rank, rest);
  const part = items.slice(begin, begin + whole + Number(rank < rest));
  const last = items.at(-1);
  if (options.applyPadding && last !== undefined) while (part.length < whole + Number(rest > 0)) part.push(last);
  return part;
}

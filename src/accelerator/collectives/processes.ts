// Running things on some workers first.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";

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

// What each worker does by itself for a checkpoint, and what counts only if all have done it: otherwise all throw the same.
import { CheckpointError, type CheckpointErrorCode } from "../../checkpoint/index.js";
import { CollectiveError, type CollectiveOptions, type ProcessGroup, type Store } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly message: string };

/** Gives every worker what each has said, by rank. */
export type Tell = <T>(mine: T) => Promise<readonly T[]>;

export const overGroup =
  (group: ProcessGroup, options: CollectiveOptions): Tell =>
  async (mine) =>
    group.size === 1 ? [mine] : await group.allGatherObject(mine, options);

export interface OverStore {
  readonly store: Store;
  /** Unique among all uses of the store. */
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  readonly timeoutMs: number;
}

/** Through the store of the run: for what goes on beside the program, where its collective calls must not be disturbed. */
export function overStore({ store, name, rank, size, timeoutMs }: OverStore): Tell {
  let round = 0;
  const bytes = (x: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(x));
  const parse = <T>(x: Uint8Array): T => JSON.parse(new TextDecoder().decode(x)) as T;
  let before: string | undefined;
  return async <T>(mine: T) => {
    const key = (who: number | "all"): string => `${name}/${round}/${who}`;
    const [own, all] = [key(rank), key("all")];
    const others = Array.from({ length: size }, (_, r) => key(r));
    const read = before;
    before = all;
    round++;
    if (rank > 0) {
      await store.set(own, bytes(mine));
      return parse<T[]>(await store.get(all, { timeoutMs }));
    }
    const values = [mine, ...(await Promise.all(others.slice(1).map(async (k) => parse<T>(await store.get(k, { timeoutMs })))))];
    await store.set(all, bytes(values));
    // Whoever speaks in this round has read what was said in the one before.
    for (const k of [...others.slice(1), ...(read === undefined ? [] : [read])]) await store.delete(k);
    return values;
  };
}

/**
 * Runs the body on every worker and gives the values of all, by rank. Where it failed on some, all throw what the first of them did.
 * Values must survive JSON.
 */
export async function agree<T>(tell: Tell, body: () => Promise<T> | T): Promise<readonly T[]> {
  let mine: Outcome<T>;
  let cause: unknown;
  try {
    mine = { ok: true, value: await body() };
  } catch (error) {
    cause = error;
    const code = error instanceof AccelerateError ? error.code : "ERR_PEER_FAILED";
    mine = { ok: false, code, message: error instanceof Error ? error.message : String(error) };
  }
  const all = await tell(mine);
  const astray = all.findIndex((outcome) => typeof (outcome as Outcome<T> | null)?.ok !== "boolean");
  if (astray >= 0) {
    const message = `rank ${astray} has made another call while others save or load: the ranks have taken different paths`;
    throw new CollectiveError({ code: "ERR_COLLECTIVE_MISMATCH", message, ranks: [astray] }, cause === undefined ? {} : { cause });
  }
  const first = all.findIndex((outcome) => !outcome.ok);
  if (first < 0) return all.map((outcome) => (outcome as Extract<Outcome<T>, { ok: true }>).value);
  if (all.length === 1) throw cause;
  const failed = all[first] as Extract<Outcome<T>, { ok: false }>;
  // What all have found alike is not one worker's.
  const alike = all.every((outcome) => !outcome.ok && outcome.message === failed.message);
  throw new CheckpointError(
    failed.code as CheckpointErrorCode,
    alike ? failed.message : `rank ${first}: ${failed.message}`,
    cause === undefined ? {} : { cause },
  );
}

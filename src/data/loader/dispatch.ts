// Rank 0 reads for all: every rank gets its own rows and nothing else, and hears of the end and of failures as soon as rank 0 knows.
import { AccelerateError } from "../../errors.js";
import type { Dealer } from "./dealer.js";
import type { Dealt, Plan } from "./deal.js";
import { prefetch } from "./prefetch.js";
import { type Consuming, lookAhead } from "./rounds.js";
import type { Shard } from "./shard.js";
import { pack, unpack } from "./travel.js";

/** What a rank is told at once: its next batches (two where the last round lacks some ranks', so that nobody waits for a round that it is not part of), and whether they are its last. */
type Message<T> = { readonly parts: readonly Omit<Dealt<T>, "last">[]; readonly closed: boolean } | { readonly failure: Failure };
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

async function* asynchronous<T>(rounds: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* rounds;
}

/** The messages of an epoch, one for every rank each time. `load` makes the rows that travel. */
async function* messages<T, R extends Consuming, V>(
  plan: Plan<T, R>,
  processes: number,
  load: (items: readonly T[]) => readonly V[],
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const ranks = Array.from({ length: processes }, (_, rank) => rank);
  const deal = (round: R) =>
    ranks.map((rank) => {
      const part = plan.part(round, rank);
      return part && { items: load(part.items), real: part.real, consumed: round.consumed };
    });
  const packed = (ofRank: (rank: number) => Message<V>) => Promise.all(ranks.map((rank) => pack(ofRank(rank))));
  let open = true;
  for await (const { value, next, last } of lookAhead(asynchronous(plan.rounds()))) {
    const now = deal(value);
    const short = next !== undefined && ranks.some((rank) => plan.part(next, rank) === undefined);
    const after = short ? deal(next) : [];
    const closed = last || short;
    open = !closed;
    yield packed((rank) => ({ parts: [now[rank], after[rank]].filter((part) => part !== undefined), closed }));
    if (closed) break;
  }
  if (open) yield packed(() => ({ parts: [], closed: true }));
}

const failureOf = (error: unknown): Failure => {
  const { name = "Error", message = String(error), code } = (error ?? {}) as { name?: string; message?: string; code?: unknown };
  return { name, message, ...(typeof code === "string" && { code }) };
};

/**
 * The parts of one rank. Rank 0 reads `ahead` rounds before they are asked for; what it has goes out when all ranks ask for it, so that these calls keep their place among the program's others.
 */
export async function* dispatched<T, R extends Consuming, V>(
  plan: Plan<T, R>,
  { dealer, index, processes }: Shard & { readonly dealer: Dealer },
  { ahead, load }: { readonly ahead: number; readonly load: (items: readonly T[]) => readonly V[] },
): AsyncGenerator<Dealt<V>, void, undefined> {
  const source = index === 0 ? prefetch(messages(plan, processes, load), ahead) : undefined;
  let own: { readonly error: unknown } | undefined;
  // The last messages say that they are the last: there is always a next one. What fails here is told to the others before it is thrown.
  const next = async (from: AsyncGenerator<readonly Uint8Array[], void, undefined>): Promise<readonly Uint8Array[]> => {
    try {
      return (await from.next()).value as readonly Uint8Array[];
    } catch (error) {
      own = { error };
      const failure = await pack({ failure: failureOf(error) });
      return Array.from({ length: processes }, () => failure);
    }
  };
  try {
    for (;;) {
      const message = unpack(await dealer.scatter(source && next(source))) as Message<V>;
      if ("failure" in message) throw own ? own.error : failed(message.failure);
      const { parts, closed } = message;
      for (const [i, part] of parts.entries()) yield { ...part, last: closed && i === parts.length - 1 };
      if (closed) return;
    }
  } finally {
    await source?.return();
  }
}

const failed = ({ name, message, code }: Failure): AccelerateError =>
  new AccelerateError("ERR_DISPATCH", `rank 0 could not read the next batch: ${name}${code ? ` ${code}` : ""}: ${message}`, {
    hint: "rank 0 reads for all because of dispatchBatches; its own error says more",
  });

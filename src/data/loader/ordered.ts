// Several pieces of work at once whose results come in the order in which they were begun.
import { setImmediate as turn } from "node:timers/promises";

/** Work whose last step waits for the results before it. */
export type Settle<B> = () => B | Promise<B>;

export interface Ordering<T, B> {
  /** Begun and not yet given out, at most. */
  readonly depth: number;
  begin(item: T): Promise<Settle<B>>;
}

/**
 * Yields what becomes of the items of `source`, in their order; up to `depth` are in the making while the caller works. The source is read on the side, so that a slow one delays nothing that is
 * already there. What fails waits for its turn; nothing is begun after the consumer has left.
 */
export async function* ordered<T, B>(source: AsyncIterator<T>, { depth, begin }: Ordering<T, B>): AsyncGenerator<{ readonly item: T; readonly made: B }> {
  const queue: { readonly item: T; readonly work: Promise<Settle<B>> }[] = [];
  let end: { readonly error?: unknown } | undefined;
  let left = false;
  // Whoever waits for the other side: the reader for room, the consumer for work.
  let changed = new Signal();
  const tell = () => {
    changed.give();
    changed = new Signal();
  };
  const read = async (): Promise<void> => {
    try {
      while (!left) {
        if (queue.length >= depth) {
          await changed.given;
          continue;
        }
        // The batch that is waited for goes out first; and what reads rows in this thread lets others have their turn.
        if (queue.length > 0) await turn();
        if (left) break;
        const next = await source.next();
        if (next.done || left) break;
        const work = begin(next.value);
        work.catch(() => {}); // thrown at its turn
        queue.push({ item: next.value, work });
        tell();
      }
      end = {};
    } catch (error) {
      end = { error };
    }
    tell();
  };
  const reading = read();
  try {
    for (;;) {
      const head = queue[0];
      if (head) {
        const settle = await head.work;
        queue.shift();
        tell();
        yield { item: head.item, made: await settle() };
      } else if (!end) await changed.given;
      else if ("error" in end) throw end.error;
      else return;
    }
  } finally {
    left = true;
    tell();
    // What the reader is at finishes in the background; the source is closed after it.
    void reading.then(() => source.return?.()).catch(() => {});
  }
}

class Signal {
  give: () => void = () => {};
  readonly given = new Promise<void>((resolve) => {
    this.give = resolve;
  });
}

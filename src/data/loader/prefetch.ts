// Prefetching: the next batches are made while the caller works on this one; failures wait for the call that meets them.
import { setImmediate as turn } from "node:timers/promises";

/**
 * Yields what `source` makes, up to `depth` ahead. One is made at a time, so that a source with state sees its calls in order.
 * Nothing is made after the consumer has left; an error of something not yet asked for never surfaces then.
 */
export async function* prefetch<T>(source: AsyncIterator<T>, depth: number): AsyncGenerator<T, void, undefined> {
  const queue: Promise<IteratorResult<T>>[] = [];
  let [last, left]: [Promise<unknown>, boolean] = [Promise.resolve(), false];
  const fetch = () => {
    const next = last.then(async (): Promise<IteratorResult<T>> => {
      if (queue.length > 1) await turn(); // the batch that is waited for goes out first
      return left ? { done: true, value: undefined } : source.next();
    });
    // Handled here, thrown at next(): a failure during a slow body or after break must not end the process.
    last = next.catch(() => {});
    queue.push(next);
  };
  try {
    for (;;) {
      while (queue.length <= depth) fetch();
      const next = await queue.shift()!;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    left = true;
    // What is in the making finishes in the background; the source is closed after it.
    void last.then(() => source.return?.()).catch(() => {});
  }
}

// A generator that an abort ends at once, also while it waits for something that never comes.

/** Rejects with the signal's reason as soon as one of them is aborted. What `source` is at then finishes in the background. */
export async function* untilAborted<T>(source: AsyncGenerator<T, void, undefined>, signals: readonly AbortSignal[]): AsyncGenerator<T, void, undefined> {
  let ended = false;
  const next = (): Promise<IteratorResult<T, void>> => {
    for (const signal of signals) signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const listeners = signals.map((signal) => [signal, () => settle(() => reject(signal.reason))] as const);
      const settle = (how: () => void) => {
        for (const [signal, listener] of listeners) signal.removeEventListener("abort", listener);
        how();
      };
      for (const [signal, listener] of listeners) signal.addEventListener("abort", listener);
      source.next().then(
        (result) => settle(() => resolve(result)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  };
  try {
    for (;;) {
      const { done, value } = await next();
      ended = done === true;
      if (ended) return;
      yield value as T;
    }
  } finally {
    if (!ended) void source.return().catch(() => {});
  }
}

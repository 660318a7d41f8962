// Typed events: listeners by name; a listener that throws does not keep the others from hearing.

/** Runs a listener; its error surfaces as an uncaught exception and reaches nobody who only tells news. */
export function isolate(listen: () => void): void {
  try {
    listen();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

type Listeners<E> = { readonly [K in keyof E]: (...args: never[]) => void };

export class Emitter<E extends Listeners<E>> {
  readonly #listeners = new Map<keyof E, Set<E[keyof E]>>();

  /** Returns what takes the listener away. */
  on<K extends keyof E>(event: K, listener: E[K]): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }

  /** Errors of listeners surface as uncaught exceptions, after all have been called. */
  emit<K extends keyof E>(event: K, ...args: Parameters<E[K]>): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) isolate(() => listener(...(args as never[])));
  }

  clear(): void {
    this.#listeners.clear();
  }
}

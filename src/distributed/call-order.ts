// Keeps calls that consist of several collectives whole: what is issued meanwhile comes after them, on every rank alike.

export class CallOrder {
  #tail: Promise<void> | undefined;

  /** A call of one collective: at once, unless a longer one is under way. */
  one<T>(issue: () => Promise<T>): Promise<T> {
    if (this.#tail === undefined) return issue();
    return this.#after(async (release) => {
      const issued = issue();
      release();
      return issued;
    });
  }

  /** A call of several collectives, one awaited after the other. */
  whole<T>(run: () => Promise<T>): Promise<T> {
    return this.#after(async (release) => {
      try {
        return await run();
      } finally {
        release();
      }
    });
  }

  async #after<T>(body: (release: () => void) => Promise<T>): Promise<T> {
    const before = this.#tail;
    let release = (): void => {};
    const tail = new Promise<void>((resolve) => {
      release = () => {
        if (this.#tail === tail) this.#tail = undefined;
        resolve();
      };
    });
    this.#tail = tail;
    if (before !== undefined) await before;
    return body(release);
  }
}

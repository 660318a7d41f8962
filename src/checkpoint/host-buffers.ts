// Memory that a running program's state is copied into while it goes on: used again by the next checkpoint, so that its pages are there already.

/** Buffers that are lent and come back. */
export class HostBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** At least so many bytes, of any content. */
  take(bytes: number): ArrayBuffer {
    // The smallest that is large enough, but not one that another file of the same checkpoint needs more.
    const fitting = this.#free.filter((b) => b.byteLength >= bytes && b.byteLength <= 2 * bytes + 4096);
    const best = fitting.reduce<ArrayBuffer | undefined>((a, b) => (a && a.byteLength <= b.byteLength ? a : b), undefined);
    if (!best) return new ArrayBuffer(bytes);
    this.#free.splice(this.#free.indexOf(best), 1);
    return best;
  }
  give(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) if (buffer.byteLength > 0) this.#free.push(buffer);
  }
  /** Lets go of what is not lent, after a checkpoint of other sizes. */
  trim(keep: number): void {
    this.#free.sort((a, b) => b.byteLength - a.byteLength).splice(keep);
  }
}

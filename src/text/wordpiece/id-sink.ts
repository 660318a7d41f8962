// IdSink: token ids one after the other in a growing Int32Array; no array per text.

export class IdSink {
  /** Filled to length; another array after reserve. */
  array: Int32Array;
  length = 0;

  constructor(capacity = 4096) {
    this.array = new Int32Array(capacity);
  }
  /** Room for more ids. */
  reserve(more: number): Int32Array {
    const need = this.length + more;
    if (need > this.array.length) {
      const grown = new Int32Array(Math.max(need, this.array.length * 2));
      grown.set(this.array.subarray(0, this.length));
      this.array = grown;
    }
    return this.array;
  }
  clear(): void {
    this.length = 0;
  }
}

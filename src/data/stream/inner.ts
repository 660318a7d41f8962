// A node over another one: what it hands on unchanged.
import type { Cursor, CursorState, Part, Seed, StreamNode } from "./cursor.js";

export abstract class InnerNode implements StreamNode {
  readonly inner: StreamNode;
  constructor(inner: StreamNode) {
    this.inner = inner;
  }
  get shards(): number {
    return this.inner.shards;
  }
  get tabular(): boolean {
    return this.inner.tabular;
  }
  abstract open(state?: CursorState): Cursor;
  /** The same over another node. */
  protected abstract over(inner: StreamNode): StreamNode;
  shuffled(seed: Seed): StreamNode | undefined {
    const inner = this.inner.shuffled(seed);
    return inner && this.over(inner);
  }
  part(part: Part): StreamNode {
    return this.over(this.inner.part(part));
  }
  shifted(by: number): StreamNode {
    return this.over(this.inner.shifted(by));
  }
}

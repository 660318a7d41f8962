// One record batch of a mapped file: its buffers as typed arrays over the file's own bytes, checked against what the schema says.
import type { BatchIndex, FileIndex } from "./file-index.js";
import type { MappedFile } from "./mapped-file.js";
import { damaged } from "./messages.js";

interface TypedArrays<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, offset: number, length: number): A;
}

export class BatchView {
  readonly file: MappedFile;
  readonly fileIndex: FileIndex;
  readonly #index: BatchIndex;
  readonly #batch: number;
  readonly #column: string;
  /** Record batches that come before in the file: dictionary batches count for those after them. */
  readonly moment: number;

  /** @param moment of a dictionary's batch; default: it is a record batch */
  constructor(file: MappedFile, fileIndex: FileIndex, index: BatchIndex, batch: number, column: string, moment = batch) {
    this.moment = moment;
    this.file = file;
    this.fileIndex = fileIndex;
    this.#index = index;
    this.#batch = batch;
    this.#column = column;
  }
  get column(): string {
    return this.#column;
  }
  rows(node: number): number {
    return this.#index.nodes[(this.#batch * this.#index.nodeCount + node) * 2]!;
  }
  hasNulls(node: number): boolean {
    return this.#index.nodes[(this.#batch * this.#index.nodeCount + node) * 2 + 1]! > 0;
  }
  /** The bytes of a buffer. @throws DataFileError when they are fewer than needed */
  bytes(buffer: number, need = 0): Uint8Array<ArrayBuffer> {
    const at = (this.#batch * this.#index.bufferCount + buffer) * 2;
    const [start, length] = [this.#index.buffers[at]!, this.#index.buffers[at + 1]!];
    if (length < need) throw this.fault(`a buffer has ${length} bytes, its rows need ${need}`);
    return this.file.bytes(start, length);
  }
  /** The first elements of a buffer; copied where they are not aligned. @throws DataFileError when there are fewer */
  array<A>(type: TypedArrays<A>, buffer: number, count: number): A {
    const bytes = this.bytes(buffer, count * type.BYTES_PER_ELEMENT);
    if (bytes.byteOffset % type.BYTES_PER_ELEMENT === 0) return new type(bytes.buffer, bytes.byteOffset, count);
    const copy = bytes.slice(0, count * type.BYTES_PER_ELEMENT);
    return new type(copy.buffer, 0, count);
  }
  fault(message: string): Error {
    return damaged(this.file.path, this.#index.places[this.#batch]!, `column ${JSON.stringify(this.#column)}: ${message}`);
  }
}

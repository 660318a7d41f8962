// What is known of an Arrow file after its headers were read: schema, and where the buffers of all record batches lie.
import { setImmediate as turn } from "node:timers/promises";
import { DataFileError } from "../load/files.js";
import { int64At, type FlatTable } from "./flat-table.js";
import { damaged, type FileIdentity, isFileFormat, type Message, PlacedFile, readFooter, readMessage } from "./messages.js";
import { type ArrowSchema, readSchema } from "./schema-reader.js";

/** Record batches of one layout, in shared memory. */
export interface BatchIndex {
  readonly batches: number;
  /** Rows before each batch; one more at the end. */
  readonly starts: Float64Array;
  /** Of batch b: node n is at (b * nodeCount + n) * 2: rows, nulls. */
  readonly nodes: Float64Array;
  readonly nodeCount: number;
  /** Of batch b: buffer k is at (b * bufferCount + k) * 2: byte of the file, bytes. */
  readonly buffers: Float64Array;
  readonly bufferCount: number;
  /** Where the messages begin, for errors. */
  readonly places: Float64Array;
}
/** The batches of a dictionary. */
export interface DictionaryIndex {
  readonly index: BatchIndex;
  /** Record batches that came before dictionary batch d: it counts for those after it. */
  readonly before: Float64Array;
  /** 1 where the values go on with those of the batch before. */
  readonly delta: Uint8Array;
}
/** Plain data that survives structured clone. */
export interface FileIndex {
  readonly file: FileIdentity;
  readonly rows: BatchIndex;
  readonly dictionaries: ReadonlyMap<number, DictionaryIndex>;
}

class Numbers {
  #array = new Float64Array(256);
  length = 0;
  push(value: number): void {
    if (this.length === this.#array.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#array);
      this.#array = grown;
    }
    this.#array[this.length++] = value;
  }
  at(index: number): number {
    return this.#array[index]!;
  }
  shared(): Float64Array {
    const out = new Float64Array(new SharedArrayBuffer(this.length * 8));
    out.set(this.#array.subarray(0, this.length));
    return out;
  }
}

interface BatchShape {
  readonly nodes: number;
  readonly buffers: number;
  /** The nodes of the columns themselves. */
  readonly tops: readonly number[];
}

class IndexBuilder {
  readonly #path: string;
  readonly #nodeCount: number;
  readonly #bufferCount: number;
  readonly #tops: readonly number[];
  readonly #starts = new Numbers();
  readonly #nodes = new Numbers();
  readonly #buffers = new Numbers();
  readonly #places = new Numbers();
  #rows = 0;

  constructor(path: string, shape: BatchShape) {
    this.#path = path;
    this.#nodeCount = shape.nodes;
    this.#bufferCount = shape.buffers;
    this.#tops = shape.tops;
    this.#starts.push(0);
  }
  get batches(): number {
    return this.#places.length;
  }
  /** @throws RangeError, DataFileError when the header does not fit the schema or its body */
  add(message: Message, batch: FlatTable): void {
    const fault = (text: string) => damaged(this.#path, message.at, `record batch: ${text}`);
    const rows = batch.int64(0);
    const [nodes, buffers] = [batch.vector(1, 16), batch.vector(2, 16)];
    if (rows < 0) throw fault(`${rows} rows`);
    if (nodes.length !== this.#nodeCount) throw fault(`${nodes.length} fields, the schema has ${this.#nodeCount}`);
    if (buffers.length !== this.#bufferCount) throw fault(`${buffers.length} buffers, the schema has ${this.#bufferCount}`);
    if (batch.table(3)) throw compressed(this.#path, batch.table(3)!);
    const { view } = batch;
    for (let i = 0; i < nodes.length; i++) {
      const [length, nulls] = [int64At(view, nodes.at + i * 16), int64At(view, nodes.at + i * 16 + 8)];
      if (length < 0 || nulls < 0 || nulls > length) throw fault(`a field of ${length} rows with ${nulls} nulls`);
      this.#nodes.push(length);
      this.#nodes.push(nulls);
    }
    for (const node of this.#tops) {
      const length = this.#nodes.at(this.batches * this.#nodeCount * 2 + node * 2);
      if (length !== rows) throw fault(`a column of ${length} rows, the batch has ${rows}`);
    }
    for (let i = 0; i < buffers.length; i++) {
      const [offset, length] = [int64At(view, buffers.at + i * 16), int64At(view, buffers.at + i * 16 + 8)];
      if (offset < 0 || length < 0 || offset + length > message.bodyLength)
        throw fault(`buffer ${i} (${offset} + ${length}) is outside the body of ${message.bodyLength} bytes`);
      this.#buffers.push(message.body + offset);
      this.#buffers.push(length);
    }
    this.#places.push(message.at);
    this.#rows += rows;
    this.#starts.push(this.#rows);
  }
  finish(): BatchIndex {
    return {
      batches: this.batches,
      starts: this.#starts.shared(),
      nodes: this.#nodes.shared(),
      nodeCount: this.#nodeCount,
      buffers: this.#buffers.shared(),
      bufferCount: this.#bufferCount,
      places: this.#places.shared(),
    };
  }
}

const compressed = (path: string, compression: FlatTable): Error =>
  new DataFileError(path, `its record batches are compressed (${compression.byte(0) === 0 ? "LZ4" : "ZSTD"})`, {
    hint: "write it again without compression: pyarrow.ipc.IpcWriteOptions(compression=None), feather.write_feather(..., compression='uncompressed')",
  });

class DictionaryBuilder {
  readonly batches: IndexBuilder;
  readonly before = new Numbers();
  readonly delta: number[] = [];
  constructor(batches: IndexBuilder) {
    this.batches = batches;
  }
  finish(): DictionaryIndex {
    const delta = new Uint8Array(new SharedArrayBuffer(this.delta.length));
    delta.set(this.delta);
    return { index: this.batches.finish(), before: this.before.shared(), delta };
  }
}

/** Collects messages in the order of the stream. */
class FileIndexBuilder {
  readonly #path: string;
  readonly #rows: IndexBuilder;
  readonly #dictionaries = new Map<number, DictionaryBuilder>();

  constructor(path: string, schema: ArrowSchema) {
    this.#path = path;
    this.#rows = new IndexBuilder(path, { ...schema, tops: schema.fields.map(({ layout }) => layout.node) });
    for (const [id, dictionary] of schema.dictionaries) this.#dictionaries.set(id, new DictionaryBuilder(new IndexBuilder(path, { ...dictionary, tops: [0] })));
  }
  add(message: Message): void {
    try {
      if (message.type === "batch") this.#rows.add(message, message.header);
      else if (message.type === "dictionary") this.#dictionary(message);
      else throw new RangeError("a second schema");
    } catch (error) {
      throw error instanceof RangeError ? damaged(this.#path, message.at, `the message cannot be read (${error.message})`, error) : error;
    }
  }
  #dictionary(message: Message): void {
    const id = message.header.int64(0);
    const batch = message.header.table(1);
    const dictionary = this.#dictionaries.get(id);
    if (!dictionary || !batch) throw new RangeError(`a dictionary ${id} that no column has`);
    dictionary.batches.add(message, batch);
    dictionary.before.push(this.#rows.batches);
    dictionary.delta.push(message.header.bool(2) ? 1 : 0);
  }
  finish(file: FileIdentity): FileIndex {
    return { file, rows: this.#rows.finish(), dictionaries: new Map([...this.#dictionaries].map(([id, builder]) => [id, builder.finish()])) };
  }
}

/** Headers between which timers may run. */
const atOnce = 2000;

async function indexMessages(file: PlacedFile, schema: ArrowSchema, messages: Iterable<Message>): Promise<FileIndex> {
  const builder = new FileIndexBuilder(file.path, schema);
  let count = 0;
  for (const message of messages) {
    builder.add(message);
    if (++count % atOnce === 0) await turn();
  }
  return builder.finish(file.identity);
}

function* streamed(file: PlacedFile, first: number): Generator<Message> {
  for (let message = readMessage(file, first); message; message = readMessage(file, message.end)) yield message;
}

function* placed(file: PlacedFile, places: readonly { readonly at: number }[], type: Message["type"]): Generator<Message> {
  for (const { at } of places) {
    const message = readMessage(file, at);
    if (message?.type !== type) throw damaged(file.path, at, `a ${type} is expected here, there is ${message?.type ?? "nothing"}`);
    yield message;
  }
}

/** The schema and index of a file in Arrow's stream or file format. @throws DataFileError, ArgumentError ERR_ARROW_TYPE */
export async function readFileIndex(path: string): Promise<{ readonly schema: ArrowSchema; readonly index: FileIndex }> {
  using file = new PlacedFile(path);
  if (isFileFormat(file)) {
    const { schema, dictionaries, batches } = readFooter(file, (footer) => ({ ...footer, schema: schemaOf(file, footer.schema, file.size - 10) }));
    function* all() {
      yield* placed(file, dictionaries, "dictionary");
      yield* placed(file, batches, "batch");
    }
    return { schema, index: await indexMessages(file, schema, all()) };
  }
  const first = readMessage(file, 0);
  if (first?.type !== "schema") throw damaged(path, 0, first ? "an Arrow stream begins with a schema" : "the file is empty");
  const schema = schemaOf(file, first.header, first.at);
  return { schema, index: await indexMessages(file, schema, streamed(file, first.end)) };
}

function schemaOf(file: PlacedFile, table: FlatTable, at: number): ArrowSchema {
  try {
    return readSchema(table);
  } catch (error) {
    throw error instanceof RangeError ? damaged(file.path, at, `the schema cannot be read (${error.message})`, error) : error;
  }
}

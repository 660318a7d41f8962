// Lines of a stream of bytes, with their places; the time is linear in the bytes, however long a line is.

export interface ByteLine {
  readonly bytes: Buffer;
  /** Line from 1, offset in bytes from 0. */
  readonly line: number;
  readonly byte: number;
  /** Whether a newline follows; only a last line may have none. */
  readonly ended: boolean;
}
const NEWLINE = 10;

/** Lines without their newline; a last line without one counts, nothing behind a last newline does not. */
export async function* byteLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<ByteLine, void, undefined> {
  let held: Buffer[] = [];
  let [line, byte] = [1, 0];
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, to);
      const bytes = held.length > 0 ? Buffer.concat([...held, piece]) : piece;
      held = [];
      yield { bytes, line, byte, ended: true };
      line++;
      byte += bytes.length + 1;
      from = to + 1;
    }
    if (from < chunk.length) held.push(chunk.subarray(from));
  }
  if (held.length > 0) yield { bytes: Buffer.concat(held), line, byte, ended: false };
}

// Messages on a byte stream: each behind its length, 4 bytes little-endian. What is too long or no message is an error that names the sender.
import { decode, encode } from "./codec.js";
import { ControlError, messageOf } from "./errors.js";
import { messageBytes } from "./limits.js";
import type { Messages } from "./messages.js";
import type { MessageName } from "./schema.js";

const headerBytes = 4;

/** @throws ControlError ERR_CONTROL_LIMIT for a message that the other end would refuse. */
export function encodeFrame<M extends MessageName>(name: M, message: Messages[M]): Buffer {
  const bytes = encode(name, message);
  if (bytes.length > messageBytes)
    throw new ControlError("ERR_CONTROL_LIMIT", `a message of ${bytes.length} bytes is too long for the control socket (${messageBytes} at most)`);
  const frame = Buffer.allocUnsafe(headerBytes + bytes.length);
  frame.writeUInt32LE(bytes.length, 0);
  frame.set(bytes, headerBytes);
  return frame;
}

/** Cuts chunks into messages. */
export class FrameReader<M extends MessageName> {
  readonly #name: M;
  readonly #sender: string;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(name: M, sender: string) {
    this.#name = name;
    this.#sender = sender;
  }

  /** Bytes of a message that is not complete. */
  get pending(): number {
    return this.#length;
  }

  #fail(what: string, cause?: unknown): never {
    throw new ControlError("ERR_CONTROL_MALFORMED", `${this.#sender} sent what is no message of the control socket: ${what}`, { cause });
  }

  /** @throws ControlError ERR_CONTROL_MALFORMED; the stream cannot be read on after it. */
  push(chunk: Buffer): Messages[M][] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const out: Messages[M][] = [];
    while (this.#length >= headerBytes) {
      if (this.#chunks[0]!.length < headerBytes) this.#chunks = [Buffer.concat(this.#chunks)];
      const length = this.#chunks[0]!.readUInt32LE(0);
      if (length > messageBytes) this.#fail(`a length of ${length} bytes, ${messageBytes} at most`);
      if (this.#length < headerBytes + length) break;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const rest = all.subarray(headerBytes + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#length = rest.length;
      try {
        out.push(decode(this.#name, all.subarray(headerBytes, headerBytes + length)));
      } catch (error) {
        this.#fail(messageOf(error), error);
      }
    }
    return out;
  }
}

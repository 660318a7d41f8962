// A client of Node's inspector: commands and events over a WebSocket (RFC 6455; Node 20 brings no client of its own), for the moment in which a worker is asked where it is.
import { randomBytes } from "node:crypto";
import { get } from "node:http";
import type { Socket } from "node:net";

const MAX_FRAME = 64 << 20;
const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;

/** A client's frame: final and masked. */
function frame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length;
  const head = length < 126 ? Buffer.from([0x80 | opcode, 0x80 | length]) : Buffer.alloc(length < 65536 ? 4 : 10);
  if (length >= 126) {
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (length < 65536 ? 126 : 127);
    if (length < 65536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

/** The first frame in the bytes; undefined: it is not complete. */
function firstFrame(bytes: Buffer): { opcode: number; final: boolean; payload: Buffer; size: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length > MAX_FRAME) throw new Error(`the inspector sent a frame of ${length} bytes`);
  if (bytes.length < start + length) return undefined;
  return { opcode: bytes[0]! & 15, final: bytes[0]! >= 0x80, payload: bytes.subarray(start, start + length), size: start + length };
}

type Params = Readonly<Record<string, unknown>>;

/**
 * The worker's end closes the connection (inspector.close()), never this one: Node's server of the inspector uses memory that it has freed when both do
 * so at the same time, and takes the worker along.
 */
export class Inspector {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (result: Params | undefined) => void>();
  #bytes: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #calls = 0;
  /** Hears the inspector's events. */
  onEvent: ((method: string, params: Params) => void) | undefined;

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => this.#end()); // the worker has gone
    socket.on("close", () => this.#end());
    if (head.length > 0) this.#read(head);
  }

  /** url: "ws://127.0.0.1:port/id". */
  static open(url: string, signal: AbortSignal): Promise<Inspector> {
    return new Promise((resolve, reject) => {
      const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": randomBytes(16).toString("base64") };
      const request = get(url.replace(/^ws:/, "http:"), { headers, signal });
      request.on("upgrade", (_response, socket, head) => resolve(new Inspector(socket as Socket, head)));
      request.on("response", (response) => {
        response.destroy();
        reject(new Error(`the inspector answered ${response.statusCode}`));
      });
      request.on("error", reject);
    });
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, bytes]) : bytes;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#bytes = this.#bytes.subarray(next.size);
      if (next.opcode === opcodes.ping) this.#socket.write(frame(opcodes.pong, next.payload));
      if (next.opcode === opcodes.close) this.#end();
      if (next.opcode > opcodes.text) continue;
      this.#parts.push(Buffer.from(next.payload));
      if (!next.final) continue;
      const text = Buffer.concat(this.#parts).toString("utf8");
      this.#parts = [];
      this.#message(text);
    }
  }
  #next(): ReturnType<typeof firstFrame> {
    try {
      return firstFrame(this.#bytes);
    } catch {
      this.#end(); // nothing that we could read further
      return undefined;
    }
  }
  #message(text: string): void {
    const { id, result, method, params } = JSON.parse(text) as { id?: number; result?: Params; method?: string; params?: Params };
    if (method !== undefined) this.onEvent?.(method, params ?? {});
    if (id === undefined) return;
    this.#waiting.get(id)?.(result);
    this.#waiting.delete(id);
  }
  #end(): void {
    this.#socket.destroy();
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }

  /** The answer; undefined: there was an error, or the connection has ended. */
  call(method: string, params: Params = {}): Promise<Params | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined);
    const id = ++this.#calls;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.write(frame(opcodes.text, Buffer.from(JSON.stringify({ id, method, params }))));
    });
  }

  /** Has the worker close its inspector, and with it this connection, as soon as it comes to read what it was sent; what was sent before is carried out. */
  finish(): void {
    void this.call("Debugger.disable");
    void this.call("Runtime.evaluate", { expression: "process.getBuiltinModule('node:inspector').close()" });
    this.#socket.unref();
  }
  /** For a worker that waits for the end of the connection, and reads nothing any more. */
  leave(): void {
    this.#end();
  }
}

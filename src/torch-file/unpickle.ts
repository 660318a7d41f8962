// Reads pickles (protocols 2 to 5) as data: opcodes make plain values, and names come from a fixed list. Format: CPython's Lib/pickletools.py.
import type { Fault } from "./error.js";
import { callGlobal, globalOf, storageOf } from "./globals.js";
import { Dict, kindOf, List, SetOf, type Storage, Tuple, type Value } from "./values.js";

/** Steps of one pickle: a state dict takes about forty per tensor. */
const maxSteps = 4_000_000;
/** Open lists, dicts and tuples within each other. */
const maxMarks = 1000;
/** Bytes of a whole number. */
const maxIntegerBytes = 1024;
const maxProtocol = 5;

/** The pickle is not over where the bytes are. */
export class PickleEnd extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true });

class Unpickler {
  readonly fault: Fault;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at: number;
  readonly memo: Map<number, Value> = new Map();
  stack: Value[] = [];
  readonly marks: Value[][] = [];
  readonly storages: Storage[] = [];
  result: Value | undefined;

  constructor(bytes: Uint8Array, start: number, fault: Fault) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.fault = (code, message, more) => fault(code, `${message} (byte ${this.at.toLocaleString("en-US")} of the pickle's stream)`, more);
  }

  // ---- bytes
  #skip(count: number): number {
    const at = this.at;
    if (count > this.#bytes.length - at) throw new PickleEnd();
    this.at += count;
    return at;
  }
  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }
  f64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }
  length8(): number {
    const length = this.#view.getBigUint64(this.#skip(8), true);
    if (length > 2n ** 32n) throw this.fault("ERR_TORCH_FILE_LIMIT", `a length of ${length} bytes`);
    return Number(length);
  }
  bytes(count: number): Uint8Array {
    const at = this.#skip(count);
    return this.#bytes.subarray(at, at + count);
  }
  text(count: number): string {
    const bytes = this.bytes(count);
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.fault("ERR_TORCH_FILE_PICKLE", "a text is no UTF-8");
    }
  }
  line(): string {
    const end = this.#bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleEnd();
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }
  /** Little-endian two's complement; a number where it is exact. */
  integer(count: number): number | bigint {
    if (count > maxIntegerBytes) throw this.fault("ERR_TORCH_FILE_LIMIT", `a whole number of ${count} bytes`);
    const bytes = this.bytes(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    value = BigInt.asIntN(count * 8, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  // ---- stack
  push(value: Value): void {
    this.stack.push(value);
  }
  pop(): Value {
    const value = this.stack.pop();
    if (value === undefined) throw this.fault("ERR_TORCH_FILE_PICKLE", "the stack is empty");
    return value;
  }
  top(): Value {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.fault("ERR_TORCH_FILE_PICKLE", "the stack is empty");
    return value;
  }
  mark(): void {
    if (this.marks.length >= maxMarks) throw this.fault("ERR_TORCH_FILE_LIMIT", `more than ${maxMarks} marks within each other`);
    this.marks.push(this.stack);
    this.stack = [];
  }
  /** What lies above the last mark, which goes. */
  marked(): Value[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (!below) throw this.fault("ERR_TORCH_FILE_PICKLE", "there is no mark");
    this.stack = below;
    return items;
  }
  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.fault("ERR_TORCH_FILE_PICKLE", `nothing was remembered as ${index}`);
    this.push(value);
  }
  append(items: readonly Value[]): void {
    const list = this.top();
    if (!(list instanceof List)) throw this.fault("ERR_TORCH_FILE_PICKLE", `items are appended to ${kindOf(list)}`);
    for (const item of items) list.items.push(item);
  }
  setItems(items: readonly Value[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict) || items.length % 2 !== 0) throw this.fault("ERR_TORCH_FILE_PICKLE", `items are set in ${kindOf(dict)}`);
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (key instanceof List || key instanceof Dict || key instanceof SetOf) throw this.fault("ERR_TORCH_FILE_PICKLE", `${kindOf(key)} is a key`);
      dict.entries.set(key, items[i + 1]!);
    }
  }
  addItems(items: readonly Value[]): void {
    const set = this.top();
    if (!(set instanceof SetOf)) throw this.fault("ERR_TORCH_FILE_PICKLE", `items are added to ${kindOf(set)}`);
    for (const item of items) set.items.add(item);
  }
  tuple(count: number): void {
    const items: Value[] = [];
    for (let i = 0; i < count; i++) items.unshift(this.pop());
    this.push(new Tuple(items));
  }
  frozen(items: readonly Value[]): void {
    const set = new SetOf();
    for (const item of items) set.items.add(item);
    this.push(set);
  }
  call(): void {
    const args = this.pop();
    this.push(callGlobal(this.pop(), args, this.fault));
  }
  storage(): void {
    const storage = storageOf(this.pop(), this.fault);
    this.storages.push(storage);
    this.push(storage);
  }
  /** State of an OrderedDict (`_metadata` of a state dict) is left aside; nothing else has any. */
  build(): void {
    const state = this.pop();
    const object = this.top();
    if (!(object instanceof Dict) || !(state instanceof Dict))
      throw this.fault("ERR_TORCH_FILE_UNSAFE", `the pickle sets the state of ${kindOf(object)} to ${kindOf(state)}`);
  }
  stackGlobal(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof name !== "string" || typeof module !== "string") throw this.fault("ERR_TORCH_FILE_PICKLE", `a name is ${kindOf(module)} and ${kindOf(name)}`);
    this.push(globalOf(module, name, this.fault));
  }
  protocol(): void {
    const version = this.u8();
    if (version < 2 || version > maxProtocol) throw this.fault("ERR_TORCH_FILE_FORMAT", `protocol ${version} of pickle; 2 to ${maxProtocol} are read`);
  }
  frame(): void {
    if (this.length8() > this.#bytes.length - this.at) throw new PickleEnd();
  }

  run(): Value {
    for (let steps = 0; ; steps++) {
      if (steps >= maxSteps) throw this.fault("ERR_TORCH_FILE_LIMIT", `a pickle of more than ${maxSteps.toLocaleString("en-US")} steps`);
      const code = this.u8();
      const operation = operations[code];
      if (!operation) throw this.fault("ERR_TORCH_FILE_PICKLE", `the opcode 0x${code.toString(16).padStart(2, "0")} is none that is read here`);
      operation(this);
      if (this.result !== undefined) return this.result;
    }
  }
}

type Operation = (m: Unpickler) => void;
const code = (letter: string): number => letter.charCodeAt(0);
/** By opcode. What is missing is refused: the text forms of protocol 0, OBJ and INST, NEWOBJ_EX, extension registries, out-of-band buffers. */
const operations: readonly (Operation | undefined)[] = (() => {
  const table: (Operation | undefined)[] = new Array<undefined>(256).fill(undefined);
  const entries: readonly (readonly [number, Operation])[] = [
    [0x80, (m) => m.protocol()],
    [0x95, (m) => m.frame()],
    [
      code("."),
      (m) => {
        m.result = m.pop();
      },
    ],
    [code("("), (m) => m.mark()],
    [code("0"), (m) => void (m.stack.length === 0 ? m.marked() : m.pop())],
    [code("1"), (m) => void m.marked()],
    [code("2"), (m) => m.push(m.top())],
    [code("N"), (m) => m.push(null)],
    [0x88, (m) => m.push(true)],
    [0x89, (m) => m.push(false)],
    [code("J"), (m) => m.push(m.i32())],
    [code("K"), (m) => m.push(m.u8())],
    [code("M"), (m) => m.push(m.u16())],
    [0x8a, (m) => m.push(m.integer(m.u8()))],
    [0x8b, (m) => m.push(m.integer(m.u32()))],
    [code("G"), (m) => m.push(m.f64())],
    [code("U"), (m) => m.push(m.text(m.u8()))],
    [code("T"), (m) => m.push(m.text(m.u32()))],
    [code("X"), (m) => m.push(m.text(m.u32()))],
    [0x8c, (m) => m.push(m.text(m.u8()))],
    [0x8d, (m) => m.push(m.text(m.length8()))],
    [code("C"), (m) => m.push(m.bytes(m.u8()))],
    [code("B"), (m) => m.push(m.bytes(m.u32()))],
    [0x8e, (m) => m.push(m.bytes(m.length8()))],
    [code("]"), (m) => m.push(new List())],
    [code("}"), (m) => m.push(new Dict())],
    [code(")"), (m) => m.push(new Tuple([]))],
    [0x8f, (m) => m.push(new SetOf())],
    [
      code("a"),
      (m) => {
        const item = m.pop();
        m.append([item]);
      },
    ],
    [code("e"), (m) => m.append(m.marked())],
    [
      code("s"),
      (m) => {
        const value = m.pop();
        const key = m.pop();
        m.setItems([key, value]);
      },
    ],
    [code("u"), (m) => m.setItems(m.marked())],
    [0x90, (m) => m.addItems(m.marked())],
    [0x91, (m) => m.frozen(m.marked())],
    [code("t"), (m) => m.push(new Tuple(m.marked()))],
    [0x85, (m) => m.tuple(1)],
    [0x86, (m) => m.tuple(2)],
    [0x87, (m) => m.tuple(3)],
    [code("q"), (m) => void m.memo.set(m.u8(), m.top())],
    [code("r"), (m) => void m.memo.set(m.u32(), m.top())],
    [0x94, (m) => void m.memo.set(m.memo.size, m.top())],
    [code("h"), (m) => m.get(m.u8())],
    [code("j"), (m) => m.get(m.u32())],
    [
      code("c"),
      (m) => {
        const module = m.line();
        m.push(globalOf(module, m.line(), m.fault));
      },
    ],
    [0x93, (m) => m.stackGlobal()],
    [code("R"), (m) => m.call()],
    [0x81, (m) => m.call()],
    [code("b"), (m) => m.build()],
    [code("Q"), (m) => m.storage()],
  ];
  for (const [number, operation] of entries) table[number] = operation;
  return table;
})();

export interface Unpickled {
  readonly value: Value;
  /** All that it names, also those that no tensor of the value lies in. */
  readonly storages: readonly Storage[];
  /** Of the byte behind the pickle. */
  readonly end: number;
}

/**
 * Reads one pickle that starts at a byte. No code of the file's choosing runs, whatever the bytes are.
 *
 * @throws TorchFileError ERR_TORCH_FILE_*, PickleEnd when the bytes end before it does
 */
export function unpickle(bytes: Uint8Array, start: number, fault: Fault): Unpickled {
  const machine = new Unpickler(bytes, start, fault);
  const value = machine.run();
  return { value, storages: machine.storages, end: machine.at };
}

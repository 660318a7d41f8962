// W&B's run file: records of wandb/proto/wandb_internal.proto in the log format of LevelDB, blocks of 32 KiB, CRC-32 (IEEE) over type and data, after a header of 7 bytes.
import protobuf from "protobufjs/minimal.js";
import { extendedJson } from "./extended-json.js";

const blockBytes = 32 << 10;
const frameBytes = 7;
/** ":W&B", magic number, version. */
export const fileHeader: Uint8Array = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0);

const pieces = { full: 1, first: 2, middle: 3, last: 4 } as const;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
function crc32(type: number, data: Uint8Array): number {
  let crc = (0xffffffff >>> 8) ^ crcTable[(0xffffffff ^ type) & 0xff]!;
  for (const byte of data) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Cuts records into the pieces of blocks; knows where in the file it is. */
export class RecordFramer {
  #offset: number = fileHeader.length;

  frame(data: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    let [begin, first] = [0, true];
    do {
      const left = blockBytes - (this.#offset % blockBytes);
      // A frame does not fit: the block ends with zeros.
      if (left < frameBytes) {
        out.push(new Uint8Array(left));
        this.#offset += left;
        continue;
      }
      const piece = data.subarray(begin, begin + left - frameBytes);
      begin += piece.length;
      const whole = begin === data.length;
      const type = first ? (whole ? pieces.full : pieces.first) : whole ? pieces.last : pieces.middle;
      const head = Buffer.alloc(frameBytes);
      head.writeUInt32LE(crc32(type, piece), 0);
      head.writeUInt16LE(piece.length, 4);
      head.writeUInt8(type, 6);
      out.push(head, piece);
      this.#offset += frameBytes + piece.length;
      first = false;
    } while (begin < data.length || first);
    return Buffer.concat(out);
  }
}

type Write = (writer: protobuf.Writer) => void;
const delimited = (field: number): number => (field << 3) | 2;
const varint = (field: number): number => field << 3;
function message(writer: protobuf.Writer, field: number, write: Write): void {
  writer.uint32(delimited(field)).fork();
  write(writer);
  writer.ldelim();
}
const string = (writer: protobuf.Writer, field: number, value: string | undefined): void => {
  if (value !== undefined && value !== "") writer.uint32(delimited(field)).string(value);
};
/** Key and value as JSON: HistoryItem, SummaryItem and ConfigItem are alike. */
const items = (writer: protobuf.Writer, field: number, entries: Iterable<readonly [string, unknown]>): void => {
  for (const [key, value] of entries)
    message(writer, field, (item) => {
      string(item, 1, key);
      string(item, 16, extendedJson(value));
    });
};

/** Content of a record: the field of the oneof, and what is in it. */
export interface RecordBody {
  readonly field: number;
  readonly write: Write;
}

/** The record with its number; the first is 1. */
export function record(number: number, { field, write }: RecordBody): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(varint(1)).int64(number);
  message(writer, field, write);
  return writer.finish();
}

/** Oldest reader of the format. */
const minConsumer = "0.10.0";
export const header = (producer: string): RecordBody => ({
  field: 21,
  write: (w) =>
    message(w, 1, (version) => {
      string(version, 1, producer);
      string(version, 2, minConsumer);
    }),
});

export interface RunDescription {
  readonly id: string;
  readonly project: string;
  readonly entity?: string | undefined;
  readonly name?: string | undefined;
  readonly group?: string | undefined;
  readonly jobType?: string | undefined;
  readonly notes?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
}
export const run = (description: RunDescription): RecordBody => ({
  field: 17,
  write: (w) => {
    string(w, 1, description.id);
    string(w, 2, description.entity);
    string(w, 3, description.project);
    string(w, 6, description.group);
    string(w, 7, description.jobType);
    string(w, 8, description.name);
    string(w, 9, description.notes);
    for (const tag of description.tags ?? []) string(w, 10, tag);
    string(w, 13, description.host);
    message(w, 17, (time) => {
      time.uint32(varint(1)).int64(Math.floor(description.startTime / 1000));
      time.uint32(varint(2)).int32(Math.floor(description.startTime % 1000) * 1e6);
    });
  },
});

export const config = (values: Iterable<readonly [string, unknown]>): RecordBody => ({ field: 5, write: (w) => items(w, 1, values) });
export const summary = (values: Iterable<readonly [string, unknown]>): RecordBody => ({ field: 3, write: (w) => items(w, 1, values) });
export const history = (step: number, values: Iterable<readonly [string, unknown]>): RecordBody => ({
  field: 2,
  write: (w) => {
    items(w, 1, values);
    message(w, 2, (at) => at.uint32(varint(1)).int64(step));
  },
});
/** A name that is logged, drawn over the values of another name where one is given (MetricRecord; options: step_sync, defined). */
export const metric = (name: string, over?: string): RecordBody => ({
  field: 12,
  write: (w) => {
    string(w, 1, name);
    string(w, 4, over);
    message(w, 6, (options) => {
      if (over !== undefined) options.uint32(varint(1)).bool(true);
      options.uint32(varint(3)).bool(true);
    });
  },
});
/** `runtime` in seconds. */
export const exit = (code: number, runtime: number): RecordBody => ({
  field: 18,
  write: (w) => {
    w.uint32(varint(1)).int32(code);
    w.uint32(varint(2)).int32(runtime);
  },
});
export const final: RecordBody = { field: 20, write: () => {} };
export const footer: RecordBody = { field: 22, write: () => {} };

// The table of contents of a ZIP file, and single members of it by positioned reads. Format: PKWARE's APPNOTE.TXT (4.3, and 4.5.3 for zip64).
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import type { Fault } from "./error.js";
import type { Bytes } from "./source.js";

const inflate = promisify(inflateRaw);

const endSignature = 0x06054b50;
const endBytes = 22;
const maxComment = 0xffff;
const end64LocatorSignature = 0x07064b50;
const end64LocatorBytes = 20;
const end64Signature = 0x06064b50;
const end64Bytes = 56;
const entrySignature = 0x02014b50;
const entryBytes = 46;
const localSignature = 0x04034b50;
const localBytes = 30;
const full32 = 0xffffffff;

/** Bytes of the table of contents. */
const maxTable = 64 << 20;
/** Bytes of a compressed member once it is unpacked: it has to lie in memory. torch.save does not compress. */
const maxInflated = 1 << 30;

export interface ZipEntry {
  readonly name: string;
  readonly stored: boolean;
  readonly packed: number;
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
}

const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.byteLength);
const whole = (value: bigint): number => (value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value));

interface Table {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** Finds the end record, which a comment may follow, and its zip64 form. */
async function findTable(bytes: Bytes, fault: Fault): Promise<Table> {
  const tail = new Uint8Array(Math.min(bytes.size, endBytes + maxComment + end64LocatorBytes));
  const tailAt = bytes.size - tail.length;
  await bytes.read(tail, tailAt);
  const view = viewOf(tail);
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature || at + endBytes + view.getUint16(at + 20, true) !== tail.length) continue;
    const table = { count: view.getUint16(at + 10, true), size: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };
    const locator = at - end64LocatorBytes;
    if (locator < 0 || view.getUint32(locator, true) !== end64LocatorSignature) return table;
    const record = new Uint8Array(end64Bytes);
    const recordAt = whole(view.getBigUint64(locator + 8, true));
    if (recordAt + end64Bytes > bytes.size) throw fault("ERR_TORCH_FILE_FORMAT", "the zip64 record lies outside of the file", { offset: tailAt + locator });
    await bytes.read(record, recordAt);
    const r = viewOf(record);
    if (r.getUint32(0, true) !== end64Signature) throw fault("ERR_TORCH_FILE_FORMAT", "there is no zip64 record where the file says", { offset: recordAt });
    return { count: whole(r.getBigUint64(32, true)), size: whole(r.getBigUint64(40, true)), offset: whole(r.getBigUint64(48, true)) };
  }
  throw fault("ERR_TORCH_FILE_TRUNCATED", "a ZIP archive without its end", { offset: bytes.size, hint: "the file is cut off; download it again" });
}

/** Sizes and offset of more than 32 bits, from the extra field of an entry. */
function wide(extra: Uint8Array, narrow: readonly number[], fault: Fault): readonly number[] {
  if (!narrow.includes(full32)) return narrow;
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    at += 4;
    if (id === 1) {
      const end = Math.min(at + length, extra.length);
      return narrow.map((value) => {
        if (value !== full32) return value;
        if (at + 8 > end) throw fault("ERR_TORCH_FILE_FORMAT", "an entry's zip64 field is too short");
        at += 8;
        return whole(view.getBigUint64(at - 8, true));
      });
    }
    at += length;
  }
  return narrow;
}

/** The entries of the archive by name. */
export async function readZipTable(bytes: Bytes, fault: Fault): Promise<ReadonlyMap<string, ZipEntry>> {
  const table = await findTable(bytes, fault);
  if (table.size > maxTable) throw fault("ERR_TORCH_FILE_LIMIT", `a table of contents of ${table.size} bytes`, { offset: table.offset });
  if (table.offset + table.size > bytes.size || table.count * entryBytes > table.size)
    throw fault("ERR_TORCH_FILE_FORMAT", "the archive's table of contents lies outside of the file, or is too short for its entries", { offset: table.offset });
  const raw = new Uint8Array(table.size);
  await bytes.read(raw, table.offset);
  const view = viewOf(raw);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < table.count; i++) {
    const broken = () => fault("ERR_TORCH_FILE_FORMAT", `entry ${i} of the archive's table of contents is damaged`, { offset: table.offset + at });
    if (at + entryBytes > raw.length || view.getUint32(at, true) !== entrySignature) throw broken();
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameLength, extraLength, commentLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const nameAt = at + entryBytes;
    const next = nameAt + nameLength + extraLength + commentLength;
    if (next > raw.length) throw broken();
    const name = new TextDecoder().decode(raw.subarray(nameAt, nameAt + nameLength));
    const narrow = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
    const [size, packed, offset] = wide(raw.subarray(nameAt + nameLength, nameAt + nameLength + extraLength), narrow, fault) as readonly [
      number,
      number,
      number,
    ];
    if ((flags & 1) !== 0 || (method !== 0 && method !== 8))
      throw fault("ERR_TORCH_FILE_FORMAT", `entry ${JSON.stringify(name)} is encrypted, or packed in a way (${method}) that torch does not use`);
    if (offset + localBytes + packed > bytes.size || (method === 0 && packed !== size)) throw broken();
    if (entries.has(name)) throw fault("ERR_TORCH_FILE_FORMAT", `the archive has two entries ${JSON.stringify(name)}`);
    entries.set(name, { name, stored: method === 0, packed, size, offset });
    at = next;
  }
  return entries;
}

/** Where the data of an entry start. */
async function dataOf(bytes: Bytes, entry: ZipEntry, fault: Fault): Promise<number> {
  const header = new Uint8Array(localBytes);
  await bytes.read(header, entry.offset);
  const view = viewOf(header);
  const at = entry.offset + localBytes + view.getUint16(26, true) + view.getUint16(28, true);
  if (view.getUint32(0, true) !== localSignature || at + entry.packed > bytes.size)
    throw fault("ERR_TORCH_FILE_FORMAT", `the archive's entry ${JSON.stringify(entry.name)} is not where the table of contents says`, { offset: entry.offset });
  return at;
}

/** Fills `into` from a byte of a member. A compressed one is unpacked whole. */
export async function readZipPart(bytes: Bytes, entry: ZipEntry, into: Uint8Array, from: number, fault: Fault): Promise<void> {
  const at = await dataOf(bytes, entry, fault);
  if (from + into.length > entry.size)
    throw fault("ERR_TORCH_FILE_TRUNCATED", `the archive's entry ${JSON.stringify(entry.name)} has ${entry.size} bytes, ${from + into.length} are needed`);
  if (entry.stored) return await bytes.read(into, at + from);
  if (entry.size > maxInflated)
    throw fault("ERR_TORCH_FILE_LIMIT", `a compressed entry of ${entry.size} bytes`, { hint: "torch.save writes entries as they are" });
  const packed = new Uint8Array(entry.packed);
  await bytes.read(packed, at);
  const whole = await inflate(packed, { maxOutputLength: Math.max(entry.size, 1) }).catch((cause: unknown) => {
    throw fault("ERR_TORCH_FILE_FORMAT", `the archive's entry ${JSON.stringify(entry.name)} cannot be unpacked`, { cause, offset: at });
  });
  if (whole.length !== entry.size)
    throw fault(
      "ERR_TORCH_FILE_FORMAT",
      `the archive's entry ${JSON.stringify(entry.name)} has ${whole.length} bytes unpacked, its header says ${entry.size}`,
      { offset: at },
    );
  into.set(whole.subarray(from, from + into.length));
}

/** A whole member of at most `limit` bytes. Checksums are not looked at: torch can be told to write none (`set_crc32_options`). */
export async function readZipEntry(bytes: Bytes, entry: ZipEntry, limit: number, fault: Fault): Promise<Uint8Array> {
  if (entry.size > limit)
    throw fault("ERR_TORCH_FILE_LIMIT", `the archive's entry ${JSON.stringify(entry.name)} has ${entry.size} bytes, ${limit} are accepted`);
  const whole = new Uint8Array(entry.size);
  await readZipPart(bytes, entry, whole, 0, fault);
  return whole;
}

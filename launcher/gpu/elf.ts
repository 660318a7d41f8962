// What a shared library needs: DT_NEEDED of a 64-bit little-endian ELF file (System V ABI, gabi 4.1).
import { closeSync, openSync, readSync } from "node:fs";

const HEADER = 64;
const SECTION = 64;
const DYNAMIC = 6;
const NEEDED = 1n;
const MAX_BYTES = 2 ** 24;

function readAt(file: number, position: number, bytes: number): Buffer {
  if (!(bytes >= 0 && bytes <= MAX_BYTES)) throw new Error("sizes in it make no sense");
  const buffer = Buffer.alloc(bytes);
  if (readSync(file, buffer, 0, bytes, position) < bytes) throw new Error("it is cut off");
  return buffer;
}

/** Names of libraries, in their order; undefined when the file is no such library. */
export function neededLibraries(path: string): readonly string[] | undefined {
  const file = openSync(path, "r");
  try {
    const header = readAt(file, 0, HEADER);
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined;
    const [start, count] = [Number(header.readBigUInt64LE(40)), header.readUInt16LE(60)];
    const sections = readAt(file, start, count * SECTION);
    const at = (index: number) => ({
      type: sections.readUInt32LE(index * SECTION + 4),
      offset: Number(sections.readBigUInt64LE(index * SECTION + 24)),
      size: Number(sections.readBigUInt64LE(index * SECTION + 32)),
      link: sections.readUInt32LE(index * SECTION + 40),
    });
    const dynamic = Array.from({ length: count }, (_, i) => at(i)).find(({ type }) => type === DYNAMIC);
    if (!dynamic || dynamic.link >= count) return undefined;
    const entries = readAt(file, dynamic.offset, dynamic.size);
    const { offset, size } = at(dynamic.link);
    const names = readAt(file, offset, size);
    const needed: string[] = [];
    for (let i = 0; i + 16 <= entries.length; i += 16)
      if (entries.readBigUInt64LE(i) === NEEDED) {
        const from = Number(entries.readBigUInt64LE(i + 8));
        needed.push(names.toString("latin1", from, names.indexOf(0, from)));
      }
    return needed;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

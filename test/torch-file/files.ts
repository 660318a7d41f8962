// Files of torch.save for tests: the golden ones, and ones made of any bytes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { packageRoot } from "../../src/package-root.js";

export const golden = join(packageRoot(import.meta.url), "test", "golden", "torch-file");

/** Runs a body with a function that writes bytes into a file of a folder of its own. */
export async function withFiles<T>(body: (write: (bytes: Uint8Array) => Promise<string>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "torch-file-"));
  let count = 0;
  try {
    return await body(async (bytes) => {
      const file = join(folder, `${count++}.pt`);
      await writeFile(file, bytes);
      return file;
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const u16 = (x: number) => [x & 255, x >> 8];
const u32 = (x: number) => [...u16(x & 0xffff), ...u16(x >>> 16)];
const u64 = (x: number) => [...u32(x), 0, 0, 0, 0];
const ascii = (text: string) => [...Buffer.from(text)];

/** A ZIP archive of stored members; zip64 puts every size and offset into the wide fields. */
export function zipOf(members: Readonly<Record<string, Uint8Array>>, options: { readonly zip64?: boolean } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const table: number[] = [];
  const full = [255, 255, 255, 255];
  let at = 0;
  const write = (bytes: readonly number[] | Uint8Array): void => {
    parts.push(Uint8Array.from(bytes));
    at += bytes.length;
  };
  for (const [name, data] of Object.entries(members)) {
    const offset = at;
    const sum = u32(crc32(data));
    write([
      ...ascii("PK\x03\x04"),
      ...u16(45),
      ...u16(0),
      ...u16(0),
      ...u32(0),
      ...sum,
      ...u32(data.length),
      ...u32(data.length),
      ...u16(name.length),
      ...u16(0),
      ...ascii(name),
    ]);
    write(data);
    const wide = [...u16(1), ...u16(24), ...u64(data.length), ...u64(data.length), ...u64(offset)];
    const extra = options.zip64 ? wide : [];
    table.push(...ascii("PK\x01\x02"), ...u16(45), ...u16(45), ...u16(0), ...u16(0), ...u32(0), ...sum);
    table.push(...(options.zip64 ? [...full, ...full] : [...u32(data.length), ...u32(data.length)]), ...u16(name.length), ...u16(extra.length));
    table.push(...u16(0), ...u16(0), ...u16(0), ...u32(0), ...(options.zip64 ? full : u32(offset)), ...ascii(name), ...extra);
  }
  const count = Object.keys(members).length;
  const start = at;
  write(table);
  if (options.zip64) {
    const record = at;
    write([
      ...ascii("PK\x06\x06"),
      ...u64(44),
      ...u16(45),
      ...u16(45),
      ...u32(0),
      ...u32(0),
      ...u64(count),
      ...u64(count),
      ...u64(table.length),
      ...u64(start),
    ]);
    write([...ascii("PK\x06\x07"), ...u32(0), ...u64(record), ...u32(1)]);
    write([...ascii("PK\x05\x06"), ...u16(0), ...u16(0), ...u16(0xffff), ...u16(0xffff), ...full, ...full, ...u16(0)]);
  } else write([...ascii("PK\x05\x06"), ...u16(0), ...u16(0), ...u16(count), ...u16(count), ...u32(table.length), ...u32(start), ...u16(0)]);
  return Buffer.concat(parts);
}

/** An archive of torch.save around a pickle, written as text of one byte per character, and storages. */
export const archiveOf = (pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}, options: { readonly zip64?: boolean } = {}): Uint8Array =>
  zipOf(
    {
      "a/data.pkl": Buffer.from(`\x80\x02${pickle}`, "latin1"),
      ...Object.fromEntries(Object.entries(storages).map(([key, data]) => [`a/data/${key}`, data])),
    },
    options,
  );

const small = (x: number) => (x < 256 ? `K${String.fromCharCode(x)}` : `J${String.fromCharCode(...u32(x))}`);
const text = (s: string) => `X${String.fromCharCode(...u32(s.length))}${s}`;
const tuple = (items: readonly number[]) => `(${items.map(small).join("")}t`;
/** Opcodes that make a tensor of float32 in a storage. */
export const tensorPickle = ({ shape = [2], strides = [1], offset = 0, key = "0", length = 2, type = "torch\nFloatStorage" } = {}): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}c${type}\n${text(key)}${text("cpu")}${small(length)}tQ${small(offset)}${tuple(shape)}${tuple(strides)}\x89}tR`;
/** A dict of one entry. */
export const dictPickle = (key: string, value: string): string => `}${text(key)}${value}s.`;

/** A state dict as torch.save writes it: an OrderedDict of tensors, each in a storage of its own. */
export function stateArchive(
  parameters: Iterable<readonly [name: string, parameter: { readonly shape: readonly number[]; values(): Float32Array }]>,
): Uint8Array {
  const storages: Record<string, Uint8Array> = {};
  let items = "";
  for (const [name, parameter] of parameters) {
    const key = String(Object.keys(storages).length);
    const values = parameter.values();
    storages[key] = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const strides = parameter.shape.map((_, d) => parameter.shape.slice(d + 1).reduce((a, b) => a * b, 1));
    items += text(name) + tensorPickle({ key, shape: [...parameter.shape], strides, length: values.length });
  }
  return archiveOf(`ccollections\nOrderedDict\n)R(${items}u.`, storages);
}

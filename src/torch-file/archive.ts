// The two containers of torch.save: a ZIP archive, and before PyTorch 1.6 a row of pickles with the storages behind them. Both give one value, and bytes of storages by key.
import { quoted, type Fault } from "./error.js";
import type { Bytes } from "./source.js";
import { PickleEnd, unpickle } from "./unpickle.js";
import { Dict, List, type Storage, torchDtypes, type Value } from "./values.js";
import { readZipEntry, readZipPart, readZipTable } from "./zip.js";

/** Bytes of the pickles of one file. */
const maxPickle = 32 << 20;
/** What is read of a legacy file at first; more if the pickles go on. */
const firstWindow = 1 << 20;

/** Reads bytes of the memory of a key. */
export type StorageReader = (bytes: Bytes, key: string, into: Uint8Array, from: number) => Promise<void>;
export interface Archive {
  readonly value: Value;
  readonly readStorage: StorageReader;
}

/** Bytes that are needed of each key. */
function needs(storages: readonly Storage[]): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const { key, begin, length, dtype } of storages) bytes.set(key, Math.max(bytes.get(key) ?? 0, (begin + length) * torchDtypes[dtype].bytes));
  return bytes;
}

const pickleName = "/data.pkl";

/** A ZIP archive of torch.save: `<name>/data.pkl`, and a member `<name>/data/<key>` for each storage. */
export async function openZipArchive(bytes: Bytes, fault: Fault): Promise<Archive> {
  const entries = await readZipTable(bytes, fault);
  const pickles = [...entries.keys()].filter((name) => name.endsWith(pickleName) && name.indexOf("/") === name.length - pickleName.length);
  if (pickles.length !== 1)
    throw fault("ERR_TORCH_FILE_FORMAT", `a ZIP archive with ${pickles.length} members data.pkl in its first folder`, {
      hint: "unpack it if it is an archive of files: one of torch.save has one",
    });
  const root = pickles[0]!.slice(0, -pickleName.length);
  if (entries.has(`${root}/constants.pkl`))
    throw fault("ERR_TORCH_FILE_FORMAT", "a TorchScript archive", { hint: "in Python, torch.save(torch.jit.load(file).state_dict(), other)" });
  const order = entries.get(`${root}/byteorder`);
  if (order && new TextDecoder().decode(await readZipEntry(bytes, order, 100, fault)) !== "little")
    throw fault("ERR_TORCH_FILE_FORMAT", "its numbers are not little-endian");
  const pickle = await readZipEntry(bytes, entries.get(pickles[0]!)!, maxPickle, fault);
  const { value, storages } = reading(pickle, 0, fault);
  const memberOf = (key: string) => {
    const entry = entries.get(`${root}/data/${key}`);
    if (!entry) throw fault("ERR_TORCH_FILE_FORMAT", `the archive lacks the storage ${quoted(key)}`);
    return entry;
  };
  for (const [key, size] of needs(storages)) {
    const entry = memberOf(key);
    if (entry.size < size)
      throw fault("ERR_TORCH_FILE_TENSOR", `storage ${quoted(key)} has ${entry.size} bytes, its tensors need ${size}`, { offset: entry.offset });
  }
  return { value, readStorage: (open, key, into, from) => readZipPart(open, memberOf(key), into, from, fault) };
}

function reading(bytes: Uint8Array, start: number, fault: Fault) {
  try {
    return unpickle(bytes, start, fault);
  } catch (error) {
    if (error instanceof PickleEnd)
      throw fault("ERR_TORCH_FILE_TRUNCATED", "a pickle ends before it is complete", { hint: "the file is cut off; download it again" });
    throw error;
  }
}

/** The first pickle of a legacy file. */
const magic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;
/** Bytes of the element count in front of a storage. */
const countBytes = 8;

/** A legacy file: pickles of magic, protocol, system, value and keys, then for each key the count of elements and the elements. */
export async function openLegacyFile(bytes: Bytes, fault: Fault): Promise<Archive> {
  const { values, storages, end } = await readPickles(bytes, 5, fault);
  const [, , system, value, keys] = values as [Value, Value, Value, Value, Value];
  if (system instanceof Dict && system.entries.get("little_endian") === false) throw fault("ERR_TORCH_FILE_FORMAT", "its numbers are not little-endian");
  if (!(keys instanceof List) || !keys.items.every((key) => typeof key === "string")) throw fault("ERR_TORCH_FILE_FORMAT", "the list of storages is none");
  const wanted = needs(storages);
  const widths = new Map<string, number>();
  for (const { key, dtype } of storages) widths.set(key, torchDtypes[dtype].bytes);
  const places = new Map<string, { readonly at: number; readonly size: number }>();
  let at = end;
  for (const key of keys.items as readonly string[]) {
    const count = new Uint8Array(countBytes);
    await bytes.read(count, at);
    const width = widths.get(key);
    // Its element size would not be known, and nothing behind it could be found.
    if (width === undefined || places.has(key))
      throw fault("ERR_TORCH_FILE_FORMAT", `the file has a storage ${quoted(key)} that nothing in it names`, { offset: at });
    const size = Number(new DataView(count.buffer).getBigUint64(0, true)) * width;
    if (at + countBytes + size > bytes.size)
      throw fault("ERR_TORCH_FILE_TRUNCATED", `storage ${quoted(key)} ends behind the file's end`, {
        offset: at,
        hint: "the file is cut off; download it again",
      });
    places.set(key, { at: at + countBytes, size });
    at += countBytes + size;
  }
  for (const [key, size] of wanted) {
    const place = places.get(key);
    if (!place || place.size < size) throw fault("ERR_TORCH_FILE_TENSOR", `storage ${quoted(key)} has ${place?.size ?? 0} bytes, its tensors need ${size}`);
  }
  return { value, readStorage: (open, key, into, from) => open.read(into, places.get(key)!.at + from) };
}

/** Pickles one after the other at the file's start; how long they are shows only when they are read. */
async function readPickles(bytes: Bytes, count: number, fault: Fault): Promise<{ values: readonly Value[]; storages: readonly Storage[]; end: number }> {
  for (let size = Math.min(bytes.size, firstWindow); ; size = Math.min(bytes.size, size * 4)) {
    const window = new Uint8Array(size);
    await bytes.read(window, 0);
    const values: Value[] = [];
    const storages: Storage[] = [];
    let end = 0;
    try {
      while (values.length < count) {
        const read = unpickle(window, end, fault);
        values.push(read.value);
        for (const storage of read.storages) storages.push(storage);
        end = read.end;
        if (values.length === 1 && read.value !== magic) throw fault("ERR_TORCH_FILE_FORMAT", "a pickle that is none of torch.save", { offset: 0 });
        if (values.length === 2 && read.value !== legacyProtocol)
          throw fault("ERR_TORCH_FILE_FORMAT", "a version of torch.save's older format that is not known", { offset: 0 });
      }
      return { values, storages, end };
    } catch (error) {
      if (!(error instanceof PickleEnd)) throw error;
      if (size === bytes.size)
        throw fault("ERR_TORCH_FILE_TRUNCATED", "a pickle ends before it is complete", { offset: size, hint: "the file is cut off; download it again" });
      if (size >= maxPickle) throw fault("ERR_TORCH_FILE_LIMIT", `pickles of more than ${maxPickle.toLocaleString("en-US")} bytes`, { offset: size });
    }
  }
}

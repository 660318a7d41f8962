// Tables between hosts: only the rows that some host has are sent.
import type { ArenaSegment } from "../../tensor/index.js";
import type { CrossLink } from "./host-link.js";

/** Above this share of its rows a table is sent as it lies in memory. */
const fewEnough = 0.5;

/** The numbers of the rows whose bit is set. */
function rowsSet(bits: Uint32Array): number[] {
  const rows: number[] = [];
  for (const [w, word] of bits.entries()) for (let b = 0; word >>> b !== 0 && b < 32; b++) if ((word >>> b) & 1) rows.push(32 * w + b);
  return rows;
}

/**
 * A collective of the hosts' speakers: first the bits go round, then the rows of all hosts together, side by side. Each number is added up in the order of hosts, as if the whole table had been sent.
 * `told` holds the bits of the sums afterwards.
 */
export async function sumRows(
  link: CrossLink,
  data: Float32Array,
  { offset, length, rows: table }: ArenaSegment,
  { bits, told }: { readonly bits: Uint32Array; readonly told: Uint32Array },
): Promise<void> {
  const { word, words, rows: count, width } = table!.place;
  const all = bits.slice(word, word + words);
  await link.unite(all);
  told.set(all, word);
  const rows = rowsSet(all).filter((row) => row < count);
  if (rows.length > fewEnough * count) return link.sum(data.subarray(offset, offset + length));
  const sent = new Float32Array(rows.length * width);
  const place = (row: number) => data.subarray(offset + row * width, offset + (row + 1) * width);
  for (const [k, row] of rows.entries()) sent.set(place(row), k * width);
  if (rows.length > 0) await link.sum(sent);
  for (const [k, row] of rows.entries()) place(row).set(sent.subarray(k * width, (k + 1) * width));
}

// How long fromPretrained takes until all weights lie in the arena that they are trained in, against reading the file of the weights into one piece of new memory. In turn; medians, and the median of
// the rounds' ratios. The file is in the system's cache.
//   node dist/bench/from-pretrained.js <model folder> [--rounds 11]
import { open } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AutoModel } from "accelerate-ts/models";
import { machine } from "./machine.js";

const { values, positionals } = parseArgs({ options: { rounds: { type: "string", default: "11" } }, allowPositionals: true });
const folder = positionals[0];
if (folder === undefined) throw new Error("usage: node dist/bench/from-pretrained.js <model folder> [--rounds 11]");

async function readFile(): Promise<Uint8Array> {
  await using handle = await open(join(folder!, "model.safetensors"));
  const { size } = await handle.stat();
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) done += (await handle.read(bytes, done, size - done, done)).bytesRead;
  return bytes;
}
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

// What is loaded stays reachable until the round is over, so that no memory is taken twice.
let bytes = 0;
const read: number[] = [];
const loaded: number[] = [];
// The first round warms up: code is compiled, the engine is started.
for (let round = 0; round <= Number(values.rounds); round++) {
  const begin = performance.now();
  const file = await readFile();
  const middle = performance.now();
  const model = await AutoModel.fromPretrained(folder);
  const end = performance.now();
  bytes = file.byteLength;
  if ([...model.parameters()].some((p) => p.segment() === undefined)) throw new Error("weights lie outside of the arena");
  if (round === 0) continue;
  read.push(middle - begin);
  loaded.push(end - middle);
}
const rounded = (ms: number): number => Math.round(ms * 10) / 10;
console.log(
  JSON.stringify({
    megabytes: rounded(bytes / 1e6),
    read_ms: rounded(median(read)),
    from_pretrained_ms: rounded(median(loaded)),
    ratio: Math.round(median(loaded.map((ms, i) => ms / read[i]!)) * 100) / 100,
    ...machine(),
  }),
);

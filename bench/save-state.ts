// What a checkpoint costs: a 22.6 M parameter BERT (6 layers of 384, as MiniLM) with AdamW's state, saved with saveState, against plain writing and forcing to disk of files of the same sizes; and the pause of
// the loop when it is saved beside the program, against a memcpy of the state. In turn; medians of the rounds' ratios.
//   node dist/bench/save-state.js [--rounds 7] [--directory DIR]
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Accelerator, AdamW, tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { machine } from "./machine.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" }, directory: { type: "string", default: "." } } });
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(resolve(values.directory), "save-state-"));

await using accelerator = new Accelerator({ seed: 1, projectConfig: { asyncSave: true } });
const model = new BertForSequenceClassification(
  bertConfig({ vocab_size: 30522, hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, intermediate_size: 1536, max_position_embeddings: 512 }),
);
const optimizer = new AdamW(model.parameters(), { lr: 1e-5 });
await accelerator.prepare(model, optimizer);
model.train();
await accelerator.backward(model({ input_ids: tensor([[1, 2, 3, 4]], { dtype: "int64" }), labels: tensor([1], { dtype: "int64" }) }).loss);
await optimizer.step();
optimizer.zeroGrad();

const arrays = [
  ...[...model.parameters()].map((p) => p.values()),
  ...Object.values(optimizer.liveState().state).flatMap(({ step: _, ...own }) => Object.values(own).map((a) => a as Float32Array)),
];
const bytes = arrays.reduce((sum, a) => sum + a.byteLength, 0);
const copies = arrays.map((a) => new Float32Array(a.length).fill(1));

let made = 0;
const next = (): string => join(folder, String(made++));
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
/** What was written before is on disk, and its pages are free. */
function settle(directory: string): void {
  rmSync(directory, { recursive: true });
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}
async function timed(body: () => unknown): Promise<number> {
  const begin = performance.now();
  await body();
  return performance.now() - begin;
}

const first = await accelerator.saveState(next(), { async: false });
const sizes = readdirSync(first).map((name) => ({ name, bytes: statSync(join(first, name)).size }));
const total = sizes.reduce((sum, f) => sum + f.bytes, 0);
settle(first);
const buffer = Buffer.alloc(Math.max(...sizes.map((f) => f.bytes)), 7);
function plain(directory: string): void {
  mkdirSync(directory);
  for (const file of sizes) {
    const handle = openSync(join(directory, file.name), "wx");
    for (let done = 0; done < file.bytes; ) done += writeSync(handle, buffer, done, file.bytes - done);
    fsyncSync(handle);
    closeSync(handle);
  }
}
const memcpy = (): void => {
  for (const [i, array] of arrays.entries()) copies[i]!.set(array);
};

type Side = "plain" | "saveState" | "memcpy" | "pause";
const times: { readonly [S in Side]: number[] } = { plain: [], saveState: [], memcpy: [], pause: [] };
for (let round = 0; round < rounds; round++) {
  const sides: readonly (() => Promise<void>)[] = [
    async () => {
      const directory = next();
      times.plain.push(await timed(() => plain(directory)));
      settle(directory);
    },
    async () => {
      const directory = next();
      times.saveState.push(await timed(() => accelerator.saveState(directory, { async: false })));
      settle(directory);
    },
  ];
  for (const side of round % 2 ? [...sides].reverse() : sides) await side();
  times.memcpy.push(await timed(memcpy));
  const directory = next();
  times.pause.push(await timed(() => accelerator.saveState(directory)));
  await accelerator.waitForSave();
  settle(directory);
}
rmSync(folder, { recursive: true });

const ratios = (a: readonly number[], b: readonly number[]): number[] => a.map((t, i) => t / b[i]!);
const shown = (list: readonly number[], digits: number): string => list.map((x) => x.toFixed(digits)).join(" ");
const saving = ratios(times.saveState, times.plain);
const pausing = ratios(times.pause, times.memcpy);
console.log(JSON.stringify(machine()));
console.log(`state ${(bytes / 1e6).toFixed(1)} MB in ${arrays.length} arrays, files ${(total / 1e6).toFixed(1)} MB`);
for (const side of Object.keys(times) as Side[]) console.log(`${side}: median ${median(times[side]).toFixed(1)} ms (${shown(times[side], 0)})`);
console.log(`saveState / plain write and fsync: ${median(saving).toFixed(2)} (${shown(saving, 2)}; bound 1.3)`);
console.log(`pause / memcpy: ${median(pausing).toFixed(2)} (${shown(pausing, 2)}; bound 1.5)`);

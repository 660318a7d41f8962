// Everything an Accelerator offers without a model, asserted by every worker itself. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, DataLoader, Dataset, SGD, tensor } from "accelerate-ts";
import { Linear, type Parameter } from "accelerate-ts/nn";

await using accelerator = new Accelerator({ seed: 1 });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);

// The figures of Accelerate's own test_ops: tensor = arange(P) + 1 + P * rank.
const own = tensor(ranks.map((i) => i + 1 + world * rank));
assert.deepEqual(
  await (await accelerator.gather(own)).toArray(),
  Array.from({ length: world * world }, (_, i) => i + 1),
);
const column = (f: (values: number[]) => number) => ranks.map((i) => f(ranks.map((r) => i + 1 + world * r)));
const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
assert.deepEqual(await (await accelerator.reduce(own)).toArray(), column(total));
assert.deepEqual(
  await (await accelerator.reduce(own, "mean")).toArray(),
  column((v) => Math.fround(Math.fround(total(v)) / world)),
);
assert.deepEqual(
  await (await accelerator.reduce(own, "max")).toArray(),
  column((v) => Math.max(...v)),
);
assert.deepEqual(await (await accelerator.reduce(own, "none")).toArray(), await own.toArray());
assert.deepEqual(
  await own.toArray(),
  ranks.map((i) => i + 1 + world * rank),
  "the given tensor stays as it is",
);

// Scalars become vectors, structures stay, dtypes stay, first dims may differ.
const { loss, parts } = await accelerator.gather({ loss: tensor(rank), parts: [tensor([[rank, 7]], { dtype: "int64" })] });
assert.deepEqual(await loss.toArray(), ranks);
assert.equal(parts[0].dtype, "int64");
assert.deepEqual(
  await parts[0].toArray(),
  ranks.map((r) => [r, 7]),
);
const ragged = await accelerator.gather(tensor(Array.from({ length: rank + 1 }, () => rank)));
assert.deepEqual(
  await ragged.toArray(),
  ranks.flatMap((r) => Array.from({ length: r + 1 }, () => r)),
);
const lazy = await accelerator.reduce(own.mul(2).sum(), "sum");
assert.equal(await lazy.item(), 2 * total(Array.from({ length: world * world }, (_, i) => i + 1)));
if (world > 1) {
  await assert.rejects(
    accelerator.gather(tensor(rank === 0 ? [[1, 2]] : [[1, 2, 3]])),
    /the shapes differ between workers: \[1, 2\] on rank 0, \[1, 3\] on rank 1|debug mode: the shapes differ/,
  );
  await assert.rejects(accelerator.reduce(tensor(rank === 0 ? [1] : [1, 2])), { code: "ERR_SHAPE" });
}
await assert.rejects(accelerator.reduce(tensor([1], { dtype: "int64" }), "mean"), /convert it first/);

const padded = await accelerator.padAcrossProcesses(tensor(rank === 0 ? [...ranks, world] : ranks), { padIndex: -1 });
assert.deepEqual(await padded.toArray(), rank === 0 ? [...ranks, world] : world > 1 ? [...ranks, -1] : ranks);
const front = await accelerator.padAcrossProcesses(tensor([Array.from({ length: rank + 1 }, () => 5)]), { dim: -1, padFirst: true });
assert.deepEqual(await front.toArray(), [Array.from({ length: world }, (_, i) => (i < world - rank - 1 ? 0 : 5))]);

for (const dtype of ["float16", "bfloat16"] as const) {
  const half = await accelerator.padAcrossProcesses(tensor(rank === 0 ? [1, 2] : [1], { dtype }), { padIndex: -1.5 });
  assert.deepEqual(await half.toArray(), rank === 0 ? [1, 2] : [1, -1.5]);
}
// What cannot be is refused on every worker, also where there is nothing to do.
await assert.rejects(accelerator.padAcrossProcesses(tensor([1], { dtype: "int64" }), { padIndex: 0.5 }), { code: "ERR_DTYPE" });
await assert.rejects(accelerator.padAcrossProcesses(tensor([1], { dtype: "uint8" }), { padIndex: -1 }), { code: "ERR_DTYPE" });
await assert.rejects(accelerator.reduce(tensor([1]), "min" as "max"), /there is no reduction "min": one of sum, mean, max, none/);
await assert.rejects(
  accelerator.splitBetweenProcesses("ab" as unknown as string[], (part) => part),
  /splitBetweenProcesses takes a list, a tensor, a Dataset or a plain object of such columns: the value is string/,
);
const layer = new Linear(1, 1);
await assert.rejects(
  accelerator.prepare([layer, new SGD(layer.parameters(), { lr: 1 })]),
  /argument 1 is a list of objects to prepare: .*prepare\(\.\.\.list\)/,
);
await assert.rejects(accelerator.clipGradNorm(layer as unknown as Parameter[], 1), /give model\.parameters\(\)/);

// Objects.
assert.deepEqual(
  await accelerator.gatherObject([`rank-${rank}`]),
  ranks.map((r) => `rank-${r}`),
);
assert.deepEqual(await accelerator.broadcastObject(rank === 0 ? { run: "demo", at: new Map([[1, 2n]]) } : undefined), { run: "demo", at: new Map([[1, 2n]]) });
assert.equal(await accelerator.broadcastObject(rank, world - 1), world - 1);
await assert.rejects(accelerator.broadcastObject(1, world), /there is no process/);
const list = Object.freeze([rank, `from ${rank}`]);
assert.deepEqual(await accelerator.broadcastObjectList(list, world - 1), [world - 1, `from ${world - 1}`]);
assert.deepEqual(list, [rank, `from ${rank}`]);
assert.deepEqual(await accelerator.broadcastObjectList<string>(rank === 0 ? [] : undefined), []);
// Without a list on the one that gives it, all are told alike and go on together.
await assert.rejects(accelerator.broadcastObjectList(rank === 0 ? undefined : [rank]), {
  code: "ERR_ARGUMENT",
  message: /broadcastObjectList takes a list, rank 0 gave none: one value is sent by broadcastObject/,
});
await assert.rejects(accelerator.broadcastObjectList([rank === 0 ? tensor(1) : 1]), /the value of rank 0 cannot travel: \[0\] is a tensor/);
assert.deepEqual(await accelerator.broadcastObjectList([rank]), [0]);

// One worker's tensors: Accelerate's figure is 1 .. P on all.
assert.deepEqual(
  await (await accelerator.broadcast(own)).toArray(),
  ranks.map((i) => i + 1),
);
assert.equal(await own.at(0).item(), 1 + world * rank, "the given tensor stays as it is");
const last = rank === world - 1;
const spread = await accelerator.broadcast(
  last ? { half: tensor([rank, 0.5], { dtype: "float16" }), list: [tensor(3, { dtype: "int64" })] } : undefined,
  world - 1,
);
assert.deepEqual(await spread.half.toArray(), [world - 1, 0.5]);
assert.deepEqual([spread.list[0].dtype, spread.list[0].shape, await spread.list[0].item()], ["int64", [], 3]);
if (world > 1) {
  await assert.rejects(accelerator.broadcast(tensor(rank === 0 ? [1] : [1, 2])), /broadcast: rank 0 gives float32 \[1\], rank 1 has float32 \[2\]/);
  await assert.rejects(accelerator.broadcast(rank === 0 ? undefined : tensor(1)), /rank 0 gave no tensors/);
}

// In turn, in parts, flags.
const order: string[] = await accelerator.mainProcessFirst(async () => [`${rank}`]);
assert.deepEqual(order, [`${rank}`]);
if (world > 1)
  await assert.rejects(
    accelerator.mainProcessFirst(() => {
      if (rank === 0) throw new RangeError("no cache");
    }),
    rank === 0 ? /no cache/ : /rank 0 failed where the others waited for it \(RangeError: no cache\)/,
  );
assert.equal(await accelerator.onMainProcess(() => 3), rank === 0 ? 3 : undefined);
const items = ["a", "b", "c", "d", "e"];
const mine = await accelerator.splitBetweenProcesses(items, (part) => part);
assert.deepEqual(await accelerator.gatherObject(mine), items);
// Columns: each as a list, a tensor, a dataset; what is given stays as it is.
const columns = { text: items, n: tensor([0, 1, 2, 3, 4]), more: { rows: Dataset.fromRows(items.map((name) => ({ name }))) } };
for (const applyPadding of [false, true])
  await accelerator.splitBetweenProcesses(
    columns,
    async ({ text, n, more }) => {
      assert.equal(text.length, applyPadding ? Math.ceil(5 / world) : Math.floor(5 / world) + Number(rank < 5 % world));
      assert.deepEqual(
        (await n.toArray()).map((i) => items[i]),
        text,
      );
      assert.deepEqual(
        [...more.rows].map(({ name }) => name),
        text,
      );
    },
    { applyPadding },
  );
assert.deepEqual([columns.text.length, columns.n.shape, columns.more.rows.length], [5, [5], 5]);
await assert.rejects(
  accelerator.splitBetweenProcesses({ a: [1], b: [1, 2] }, () => {}),
  /a has 1 rows and b has 2/,
);
// On some of them.
assert.deepEqual(
  await accelerator.gatherObject([await accelerator.onLastProcess(() => rank)]),
  ranks.map((r) => (r === world - 1 ? r : undefined)),
);
assert.deepEqual(
  await accelerator.gatherObject([await accelerator.onProcess(1, () => rank)]),
  ranks.map((r) => (r === 1 ? r : undefined)),
);
assert.deepEqual(
  await accelerator.gatherObject([await accelerator.onLocalProcess(1, async () => rank)]),
  ranks.map((r) => (r === 1 ? r : undefined)),
);
assert.equal(await accelerator.onLocalMainProcess(() => "here"), accelerator.isLocalMainProcess ? "here" : undefined);
await assert.rejects(
  accelerator.onProcess(-1, () => 0),
  /-1 is no number of a process/,
);
assert.equal(accelerator.useDistributed, world > 1);

assert.equal(await accelerator.checkTrigger(), false);
if (rank === world - 1) accelerator.setTrigger();
assert.equal(await accelerator.checkTrigger(), true);
assert.equal(await accelerator.checkTrigger(), false);

// An epoch of any length: every row once, in order, whatever was filled in.
for (const [rows, batchSize] of [
  [7, 2],
  [9, 5],
  [3, 1],
  [1, 4],
  [33, 4],
  [16, 4],
] as const) {
  const loader = new DataLoader(
    Array.from({ length: rows }, (_, i) => ({ x: i })),
    { batchSize },
  );
  await accelerator.prepare(loader);
  assert.equal(loader.length, Math.ceil(Math.ceil(rows / batchSize) / world));
  const seen: number[] = [];
  const sizes = new Set<number>();
  let steps = 0;
  for await (const { x } of loader) {
    steps++;
    if (world > 1) sizes.add(x.shape[0]!);
    const mean = await accelerator.gatherForMetrics({ x, mean: x.to("float32").mean() });
    seen.push(...(await mean.x.toArray()));
    assert.equal(mean.mean.shape[0], mean.x.shape[0], "a mean counts once per row that it stands for");
  }
  assert.equal(steps, loader.length);
  assert.ok(sizes.size <= 1, "even batches");
  assert.deepEqual(
    seen,
    Array.from({ length: rows }, (_, i) => i),
  );
}
// A shuffled one: the same order on all workers although their seeds differed, another in the next epoch.
const shuffled = new DataLoader(
  Array.from({ length: 20 }, (_, i) => i),
  { batchSize: 3, shuffle: true, seed: 100 + rank },
);
await accelerator.prepare(shuffled);
const epochs: number[][] = [];
for (let epoch = 0; epoch < 2; epoch++) {
  const seen: number[] = [];
  for await (const x of shuffled) seen.push(...(await (await accelerator.gatherForMetrics(x)).toArray()));
  epochs.push(seen);
}
assert.deepEqual(
  [...epochs[0]!].sort((a, b) => a - b),
  Array.from({ length: 20 }, (_, i) => i),
);
assert.notDeepEqual(epochs[0], epochs[1]);
assert.deepEqual((await accelerator.gatherObject([epochs])).at(-1), epochs);
// Batches of somebody else's.
async function* foreign() {
  for (let i = 0; i < 5; i++) yield { a: tensor([i, i]) };
}
const [wrapped] = await accelerator.prepare(foreign());
const seen: number[] = [];
for await (const { a } of wrapped) seen.push(...(await (await accelerator.gatherForMetrics(a)).toArray()));
assert.deepEqual(seen, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);

// All in flight at once, awaited later.
const several = ranks.map((r) => accelerator.reduce(tensor([r + rank]), "sum"));
for (const [r, result] of several.entries()) assert.deepEqual(await (await result).toArray(), [ranks.reduce((sum, other) => sum + r + other, 0)]);

await accelerator.waitForEveryone();
accelerator.print("ok");

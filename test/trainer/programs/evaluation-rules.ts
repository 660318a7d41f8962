// Predictions are the dataset's rows in their order, whoever reads and however batches are dealt; run under launch with several workers.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dataset, IterableDataset, type Tensor, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import {
  type DataCollator,
  type EvalPrediction,
  type Metrics,
  type TrainableModel,
  Trainer,
  TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";

/** Says the row's number, twice as often as it has places. */
class Echo extends Module {
  readonly layer = new Linear(1, 1);
  forward({ x, labels }: { readonly x: Tensor; readonly labels: Tensor }): object {
    return { loss: labels.to("float32").mean().add(this.layer.weight.sum().mul(0)), logits: x.add(this.layer.bias!.sum().mul(0)) };
  }
}
const rows = 23;
const row = (i: number) => ({ x: Array<number>(1 + (i % 3)).fill(i), labels: i });
type Row = ReturnType<typeof row>;
const all = Array.from({ length: rows }, (_, i) => row(i));
const collate = (some: readonly Row[]) => {
  const width = Math.max(...some.map(({ x }) => x.length));
  const padded = some.map(({ x }) => [...x, ...Array<number>(width - x.length).fill(x[0]!)]);
  const labels = some.map((one) => one.labels);
  return { x: tensor(padded), labels: tensor(labels, { dtype: "int64" }) };
};
class Own {
  readonly length = rows;
  at(i: number): Row {
    return row(i);
  }
}
const stream = () =>
  IterableDataset.fromGenerator(function* () {
    yield* all;
  });
const sources: Readonly<Record<string, () => object>> = { list: () => all, dataset: () => Dataset.fromRows(all), own: () => new Own(), stream };
const rules: readonly TrainingArgumentsOptions[] = [
  {},
  { acceleratorConfig: { splitBatches: true }, perDeviceEvalBatchSize: 6 },
  { acceleratorConfig: { dispatchBatches: true } },
  { acceleratorConfig: { evenBatches: false } },
  { perDeviceEvalBatchSize: 32 },
];

for (const rule of rules)
  for (const [name, source] of Object.entries(sources)) {
    const what = `${name} ${JSON.stringify(rule)}`;
    const seen: number[] = [];
    const trainer: Trainer = new Trainer({
      model: new Echo() as unknown as TrainableModel,
      args: new TrainingArguments(join(tmpdir(), "evaluation-rules"), {
        reportTo: "none",
        disableTqdm: true,
        logLevel: "error",
        perDeviceEvalBatchSize: 4,
        ...rule,
      }),
      dataCollator: collate as DataCollator,
      evalDataset: source() as never,
      computeMetrics: async ({ labelIds }: EvalPrediction): Promise<Metrics> => {
        seen.push(...(await labelIds.toArray()));
        // Workers that measure something else go on with rank 0's numbers.
        return { rows: labelIds.shape[0]!, rank: trainer.accelerator.processIndex };
      },
    });
    const numbers = Array.from({ length: rows }, (_, i) => i);
    const { predictions, labelIds } = await trainer.predict(source() as never);
    assert.deepEqual(await labelIds.toArray(), numbers, what);
    assert.deepEqual(
      (await predictions.toArray()).map(([first]) => first),
      numbers,
      what,
    );
    seen.length = 0;
    const { eval_rows, eval_rank, eval_loss } = await trainer.evaluate();
    assert.deepEqual([seen, eval_rows, eval_rank], [numbers, rows, 0], what);
    assert.ok(Number.isFinite(eval_loss), what);
    await trainer.accelerator.close();
  }
console.log("ok");

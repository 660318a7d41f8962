// The Trainer's loaders: which rows in which order, which columns, collators, threads, streams, sets by name.
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { DataCollatorWithPadding, Dataset, IterableDataset, type MapDataset, SeedableRandomSampler, type Tensor, tensor } from "accelerate-ts";
import { Module, Linear } from "accelerate-ts/nn";
import { type DataCollator, Trainer, type TrainerOptions, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { Mt19937 } from "../../src/data/mt19937.js";
import { inputNamesOf, labelNamesOf } from "../../src/trainer/data/columns.js";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset, tinyRows } from "./support.js";

const outputDir = temporaryFolder("loaders");
const made = (options: Omit<TrainerOptions, "args">, args: TrainingArgumentsOptions = {}) =>
  new Trainer({ model: tinyBert(), dataCollator: tinyCollate as DataCollator, args: quietArguments(outputDir, { logLevel: "error", ...args }), ...options });
/** The numbers of a batch's rows: they lie in the first tokens. */
const numbered = (count: number) =>
  Dataset.fromRows(Array.from({ length: count }, (_, i) => ({ input_ids: [i, 1], attention_mask: [1, 1], label: i % 2, text: `row ${i}` })));
async function orderOf(loader: AsyncIterable<{ readonly [name: string]: Tensor }>): Promise<number[][]> {
  const out: number[][] = [];
  for await (const { input_ids } of loader) out.push(((await input_ids!.toArray()) as number[][]).map(([first]) => first!));
  return out;
}
const cut = (rows: Iterable<number>, size: number): number[][] => {
  const list = [...rows];
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
};
const tokenizer = {
  padTokenId: 0,
  padTokenTypeId: 0,
  paddingSide: "right",
  modelMaxLength: 32,
  modelInputNames: ["input_ids", "attention_mask"],
  savePretrained: async () => {},
};

describe("the training loader", () => {
  it("reads in torch's order of the seed and the epoch, or of dataSeed", async () => {
    const trainDataset = numbered(11);
    const loader = await made({ trainDataset }).getTrainDataloader();
    for (const epoch of [0, 1]) assert.deepEqual(await orderOf(loader), cut(new Mt19937(42 + epoch).permutation(11), 4));
    assert.deepEqual(await orderOf(await made({ trainDataset }, { dataSeed: 7 }).getTrainDataloader()), cut(new SeedableRandomSampler(11, { seed: 7 }), 4));
    const other = await orderOf(await made({ trainDataset }, { acceleratorConfig: { useSeedableSampler: false } }).getTrainDataloader());
    assert.deepEqual(
      other.flat().sort((a, b) => a - b),
      [...Array(11).keys()],
    );
    assert.notDeepEqual(other, cut(new Mt19937(42).permutation(11), 4));
  });
  it("reads in the rows' order, drops a short last batch, and takes the batch size that fits into memory", async () => {
    const trainDataset = numbered(11);
    const trainer = made({ trainDataset }, { trainSamplingStrategy: "sequential", dataloaderDropLast: true });
    assert.deepEqual(await orderOf(await trainer.getTrainDataloader()), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    trainer.trainBatchSize = 2;
    assert.equal((await trainer.getTrainDataloader()).length, 5);
  });
  it("groups rows of about the same length by the ids or by a column, for all micro-batches of a step", async () => {
    const lengths = Array.from({ length: 40 }, (_, i) => 2 + ((i * 7) % 9));
    const rows = lengths.map((length, i) => ({
      input_ids: [i, ...Array<number>(length - 1).fill(1)],
      length: 12 - length,
      attention_mask: Array<number>(length).fill(1),
      label: 0,
    }));
    const args = { trainSamplingStrategy: "group_by_length", gradientAccumulationSteps: 2 } as const;
    const grouped = (by: (row: number) => number, seed: number) => {
      const order = [...new Mt19937(seed).permutation(40)];
      const size = 8; // 4 rows by 2 micro-batches; of 40 rows 40 / (8 * 4) = 1 such batch makes a group
      const groups = cut(order, size).map((group) => group.sort((a, b) => by(b) - by(a)));
      const longest = groups.reduce((best, group, i) => (by(group[0]!) > by(groups[best]![0]!) ? i : best), 0);
      [groups[0]![0], groups[longest]![0]] = [groups[longest]![0]!, groups[0]![0]!];
      return cut(groups.flat(), 4);
    };
    const byIds = await made({ trainDataset: rows }, args).getTrainDataloader();
    for (const epoch of [0, 1])
      assert.deepEqual(
        await orderOf(byIds),
        grouped((i) => lengths[i]!, 42 + epoch),
      );
    const byColumn = await made({ trainDataset: Dataset.fromRows(rows) }, args).getTrainDataloader();
    assert.deepEqual(
      await orderOf(byColumn),
      grouped((i) => -lengths[i]!, 42),
    );
    const named = await made({ trainDataset: Dataset.fromRows(rows) }, { ...args, lengthColumnName: "none" }).getTrainDataloader();
    assert.deepEqual(
      await orderOf(named),
      grouped((i) => lengths[i]!, 42),
    );
  });
  it("takes a stream as it comes, however it is to be sampled", async () => {
    const rows = tinyRows(7).map((row, i) => ({ ...row, input_ids: [i, 1], attention_mask: [1, 1] }));
    const said = mock.method(console, "error", () => {});
    const trainer = made(
      { trainDataset: Dataset.fromRows(rows).toIterableDataset() },
      { trainSamplingStrategy: "group_by_length", dataloaderDropLast: true, logLevel: "info" },
    );
    assert.deepEqual(await orderOf(await trainer.getTrainDataloader()), [
      [0, 1, 2, 3],
      [4, 5, 6],
    ]);
    said.mock.restore();
    assert.match(String(said.mock.calls[0]!.arguments[0]), /group_by_length" does nothing: the training set is a stream/);
    const generated = IterableDataset.fromGenerator(function* () {
      yield* rows;
    });
    assert.equal((await orderOf(await made({ trainDataset: generated }).getTrainDataloader())).length, 2);
  });
  it("refuses what is no dataset, and tells of one that is missing", () => {
    assert.throws(() => made({}).getTrainDataloader(), { code: "ERR_TRAINER_DATASET", message: /requires a trainDataset/ });
    assert.throws(() => made({ trainDataset: 3 as never }).getTrainDataloader(), { code: "ERR_TRAINER_DATASET" });
    assert.throws(() => made({}).getEvalDataloader(), { code: "ERR_TRAINER_DATASET", message: /requires an evalDataset/ });
    assert.throws(() => made({ evalDataset: numbered(3) }).getEvalDataloader("a"), { code: "ERR_TRAINER_DATASET", message: /no evaluation set "a"/ });
    assert.throws(() => made({ evalDataset: { a: numbered(3) } }).getEvalDataloader(), { code: "ERR_TRAINER_DATASET", message: /several sets/ });
    assert.throws(() => made({ evalDataset: { a: numbered(3) } }).getEvalDataloader("toString"), { code: "ERR_TRAINER_DATASET" });
  });
});

describe("columns that the model does not take", () => {
  const keys = async (loader: AsyncIterable<object>): Promise<string[]> => {
    for await (const batch of loader) return Object.keys(batch).sort();
    return [];
  };
  it("are dropped, told of once, and kept where that is asked for", async () => {
    const trainDataset = numbered(5);
    const said = mock.method(console, "error", () => {});
    const trainer = made(
      { trainDataset, evalDataset: trainDataset, dataCollator: new DataCollatorWithPadding(tokenizer) as DataCollator },
      { logLevel: "info" },
    );
    assert.deepEqual(await keys(await trainer.getTrainDataloader()), ["attention_mask", "input_ids", "labels"]);
    await trainer.getTrainDataloader();
    await trainer.getEvalDataloader();
    said.mock.restore();
    assert.deepEqual(
      said.mock.calls.map((call) => String(call.arguments[0])),
      ["Training", "Evaluation"].map(
        (set) =>
          `The following columns in the ${set} set don't have a corresponding argument in \`BertForSequenceClassification.forward\` and have been ignored: text. If text are not expected by \`BertForSequenceClassification.forward\`, you can safely ignore this message.`,
      ),
    );
    const all = (rows: readonly object[]) => ({ all: tensor(rows.map((row) => Object.keys(row).length)) });
    for await (const batch of await made({ trainDataset, dataCollator: all as DataCollator }, { removeUnusedColumns: false }).getTrainDataloader())
      assert.deepEqual(await batch.all!.toArray(), await (await all(Array(batch.all!.shape[0]!).fill({ a: 1, b: 1, c: 1, d: 1 }))).all.toArray());
  });
  it("of rows that are no Dataset's are dropped when they are collated, in threads as well", async () => {
    const rows = Array.from({ length: 9 }, (_, i) => ({ input_ids: [i, 1], attention_mask: [1, 1], label_ids: i, text: "x" }));
    const options = { trainDataset: rows, processingClass: tokenizer, dataCollator: undefined };
    for (const dataloaderNumWorkers of [0, 1]) {
      const loader = await made(options, {
        dataloaderNumWorkers,
        trainSamplingStrategy: "sequential",
        ...(dataloaderNumWorkers && { dataloaderPrefetchFactor: 3 }),
      }).getTrainDataloader();
      for await (const batch of loader) assert.deepEqual(Object.keys(batch).sort(), ["attention_mask", "input_ids", "labels"]);
      assert.deepEqual(await orderOf(loader), [[0, 1, 2, 3], [4, 5, 6, 7], [8]]);
      await loader.close();
    }
  });
  it("are dropped before a collator that is a module's export, here and in threads", async () => {
    const dataCollator = { filename: new URL("./support.js", import.meta.url), name: "tinyCollate" };
    const trainDataset = tinyRows(5).map((row) => ({ ...row, text: "x" }));
    for (const dataloaderNumWorkers of [0, 1]) {
      const loader = await made({ trainDataset, dataCollator }, { dataloaderNumWorkers }).getTrainDataloader();
      assert.deepEqual(await keys(loader), ["attention_mask", "input_ids", "labels"]);
      await loader.close();
    }
    const closure = made({ trainDataset, dataCollator: ((rows) => rows) as DataCollator }, { dataloaderNumWorkers: 1 });
    assert.throws(() => closure.getTrainDataloader(), { code: "ERR_CLOSURE_TRAVEL" });
  });
  it("that are all there are: an error says which there are and which are wanted", async () => {
    const trainDataset = Dataset.fromRows([{ text: "a" }, { text: "b" }]);
    assert.throws(() => made({ trainDataset }).getTrainDataloader(), { code: "ERR_TRAINER_COLUMNS", message: /columns are text, inputs input_ids, .*label/ });
    const loader = await made({ trainDataset: [{ text: "a" }] }).getTrainDataloader();
    await assert.rejects(orderOf(loader), { code: "ERR_TRAINER_COLUMNS" });
  });
  it("are known of a model by what it says, what its forward takes apart, or not at all", () => {
    class Named extends Module {
      readonly inputNames = ["a", "label_b"];
      forward(batch: object): object {
        return batch;
      }
    }
    class Apart extends Module {
      forward({
        x,
        y: other = { z: 1, w: [2, 3] },
        start_positions: start,
        labels,
      }: {
        x?: number;
        y?: object;
        start_positions?: number;
        labels?: number;
      }): object {
        return { x, other, start, labels };
      }
    }
    class Rest extends Module {
      forward({ x, ...rest }: { x?: number }): object {
        return { x, rest };
      }
    }
    class Whole extends Module {
      readonly layer = new Linear(2, 2);
      forward(batch: object): object {
        return batch;
      }
    }
    class QuestionAnswering extends Apart {}
    assert.deepEqual([inputNamesOf(new Named()), labelNamesOf(new Named())], [["a", "label_b"], ["label_b"]]);
    assert.deepEqual([inputNamesOf(new Apart()), labelNamesOf(new Apart())], [["x", "y", "start_positions", "labels"], ["labels"]]);
    assert.deepEqual(labelNamesOf(new QuestionAnswering()), ["start_positions", "labels"]);
    assert.deepEqual([inputNamesOf(new Rest()), labelNamesOf(new Rest())], [undefined, ["labels"]]);
    assert.equal(inputNamesOf(new Whole()), undefined);
    assert.deepEqual(inputNamesOf(tinyBert()), ["input_ids", "attention_mask", "token_type_ids", "position_ids", "labels"]);
  });
});

describe("loaders of evaluations", () => {
  it("read in the rows' order; grouped by length in the same one each time, predictions never", async () => {
    const evalDataset = numbered(9);
    const trainer = made({ evalDataset }, { perDeviceEvalBatchSize: 4 });
    for (let i = 0; i < 2; i++) assert.deepEqual(await orderOf(await trainer.getEvalDataloader()), cut(Array(9).keys(), 4));
    const grouped = made({ evalDataset }, { perDeviceEvalBatchSize: 4, trainSamplingStrategy: "group_by_length" });
    const first = await orderOf(await grouped.getEvalDataloader());
    assert.notDeepEqual(first, cut(Array(9).keys(), 4));
    assert.deepEqual(await orderOf(await grouped.getEvalDataloader()), first);
    assert.deepEqual(await orderOf(await grouped.getTestDataloader(evalDataset)), cut(Array(9).keys(), 4));
  });
  it("are kept with their threads where those are persistent, one for each dataset", async () => {
    const [evalDataset, other] = [{ a: numbered(5), b: numbered(6) }, numbered(3)];
    const collated = { dataCollator: new DataCollatorWithPadding(tokenizer) as DataCollator };
    const trainer = made({ evalDataset, ...collated }, { dataloaderNumWorkers: 1, dataloaderPersistentWorkers: true });
    const loader = await trainer.getEvalDataloader("a");
    assert.equal(await trainer.getEvalDataloader("a"), loader);
    assert.equal(await trainer.getEvalDataloader(evalDataset.a), loader);
    const loaders = [loader, await trainer.getEvalDataloader("b"), await trainer.getEvalDataloader(other)];
    assert.equal(new Set(loaders).size, 3);
    for (let i = 0; i < 2; i++) assert.equal((await trainer.evaluate({ evalDataset: evalDataset.a })).eval_loss! > 0, true);
    for (const own of loaders) await own.close();
    const passing = made({ evalDataset, ...collated }, { dataloaderNumWorkers: 1 });
    assert.notEqual(await passing.getEvalDataloader("a"), await passing.getEvalDataloader("a"));
  });
});

describe("datasets of one's own", () => {
  it("a class with length and at over tensors, as the tutorial of seed 003 has it, with the default collator", async () => {
    class NsmcDataset implements MapDataset<Record<string, Tensor>> {
      readonly length = 6;
      at(i: number): Record<string, Tensor> {
        const ids = tensor([i, 2, 3], { dtype: "int64" });
        return { input_ids: ids, attention_mask: tensor([1, 1, 0], { dtype: "int64" }), labels: tensor(i % 2, { dtype: "int64" }) };
      }
    }
    const trainer = made({ trainDataset: new NsmcDataset(), evalDataset: new NsmcDataset(), dataCollator: undefined }, { trainSamplingStrategy: "sequential" });
    for await (const { input_ids, labels } of await trainer.getTrainDataloader()) {
      assert.deepEqual([input_ids!.dtype, labels!.dtype, labels!.rank], ["int64", "int64", 1]);
      assert.deepEqual(input_ids!.shape.slice(1), [3]);
    }
    const { eval_loss, ...rest } = await trainer.evaluate();
    assert.ok(eval_loss! > 0 && rest.eval_runtime! > 0);
    const { predictions, labelIds } = await trainer.predict(new NsmcDataset());
    assert.deepEqual(
      [predictions.shape, await labelIds.toArray()],
      [
        [6, 2],
        [0, 1, 0, 1, 0, 1],
      ],
    );
  });
  it("and a loader of one's own by an override: foreign batches, counted as they come", async () => {
    const batches = [tinyRows(3, 2), tinyRows(2, 3)].map((rows) => tinyCollate(rows));
    class Own extends Trainer {
      override getEvalDataloader() {
        return batches as never;
      }
    }
    const trainer = new Own({
      model: tinyBert(),
      args: quietArguments(outputDir, { logLevel: "error" }),
      evalDataset: tinyDataset(1),
      computeMetrics: ({ labelIds }) => ({ rows: labelIds.shape[0]! }),
    });
    const { eval_rows } = await trainer.evaluate();
    assert.equal(eval_rows, 5);
  });
});

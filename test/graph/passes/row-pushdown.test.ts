// Row pushdown: what is computed for few rows is what it was, and nothing is computed twice.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../../support/properties.js";
import { typedArray } from "../../../src/graph/index.js";
import { rowPushdown } from "../../../src/graph/passes/row-pushdown/index.js";
import { type Batch, type Build, type Model, paddedBatch, sizes, unchanged } from "./encoder.js";

const head = (m: Model, x: ReturnType<Model["linear"]>) => m.scalarOf(m.linear(x, sizes.hidden, 3));
/** The first token, classified. */
const first: Build = (m) => head(m, m.b.squeeze(m.b.slice(m.encoder(), 1, 0, 1), [1]));
/** Query, attention, its output, and both maps of the feed-forward block. */
const lastLayer = 5;

const models: Readonly<Record<string, readonly [changes: number, Build]>> = {
  "the first token": [lastLayer, first],
  "the first token, kept as a sequence of one": [lastLayer, (m) => head(m, m.b.slice(m.encoder(), 1, 0, 1))],
  "the first token by Gather": [lastLayer, (m) => head(m, m.b.gather(m.encoder(), m.b.scalar(0, "int64"), 1))],
  "the second token": [lastLayer, (m) => head(m, m.b.squeeze(m.b.slice(m.encoder(), 1, 1, 2), [1]))],
  "the last token, counted from the end": [lastLayer, (m) => head(m, m.b.squeeze(m.b.slice(m.encoder(), 1, -1, Number.MAX_SAFE_INTEGER), [1]))],
  "the last token that is no padding, of a causal model": [lastLayer, (m) => head(m, m.lastToken(m.encoder({ causal: true })))],
  // Attention wants no row twice.
  "two tokens of each row, one of them twice": [
    lastLayer - 2,
    (m) => {
      const at = m.graph.constant({ dtype: "int64", shape: [3, 2], data: typedArray("int64", [1, 0, 2, 2, 0, 4]) });
      return head(m, m.tokens(m.encoder(), at));
    },
  ],
  "the first token, by two heads": [
    lastLayer,
    (m) => {
      const x = m.encoder();
      const token = () => m.b.squeeze(m.b.slice(x, 1, 0, 1), [1]);
      return m.b.add(head(m, token()), head(m, token()));
    },
  ],
  "tokens with a label": [lastLayer + 1, (m) => m.crossEntropy(m.linear(m.encoder(), sizes.hidden, sizes.vocab), m.labels)],
  "tokens with a label, flattened": [lastLayer + 1, (m) => m.crossEntropy(m.flat(m.linear(m.encoder(), sizes.hidden, sizes.vocab)), m.flat(m.labels))],
};

describe("row pushdown changes nothing but what is computed:", () => {
  for (const [name, [changes, build]] of Object.entries(models)) {
    it(name, async () => {
      const result = await unchanged(build, paddedBatch, [rowPushdown]);
      assert.equal(result.changes, changes);
    });
  }

  it("for any sizes", async () => {
    const batches = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 })).chain(([rows, tokens]) =>
      fc.record<Batch>({
        ids: grid(rows, tokens, 1, sizes.vocab - 1),
        mask: grid(rows, tokens, 1, 1),
        labels: grid(rows, tokens, 0, 0),
      }),
    );
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const { changes } = await unchanged(first, batch, [rowPushdown]);
        assert.equal(changes, lastLayer);
      }),
      { numRuns: 6 },
    );
  });
});
const grid = (rows: number, columns: number, min: number, max: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.array(fc.integer({ min, max }), { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows });

describe("row pushdown declines", () => {
  const declines = async (build: Build, batch = paddedBatch) => assert.equal((await unchanged(build, batch, [rowPushdown])).changes, 0);

  it("where all tokens are read, too", () =>
    declines((m) => {
      const x = m.encoder();
      return m.b.add(head(m, m.b.squeeze(m.b.slice(x, 1, 0, 1), [1])), m.scalarOf(x));
    }));
  it("where hidden states are an output", () =>
    declines((m) => {
      const x = m.encoder();
      m.graph.outputs.push(x);
      return head(m, m.b.squeeze(m.b.slice(x, 1, 0, 1), [1]));
    }));
  it("where several tokens are cut out", () => declines((m) => head(m, m.b.slice(m.encoder(), 1, 0, 2))));
  it("where tokens at different places are read by two heads", () =>
    declines((m) => {
      const x = m.encoder();
      return m.b.add(head(m, m.b.squeeze(m.b.slice(x, 1, 0, 1), [1])), head(m, m.b.squeeze(m.b.slice(x, 1, 1, 2), [1])));
    }));
  it("where the channel is picked, not the token", () => declines((m) => m.scalarOf(m.b.slice(m.encoder(), 2, 0, 1))));
  it("where most tokens have a label", () =>
    declines((m) => m.crossEntropy(m.linear(m.encoder(), sizes.hidden, sizes.vocab), m.labels), { ...paddedBatch, labels: paddedBatch.ids }));
  it("where no token has a label: the loss is not a number, as it was", async () => {
    const build: Build = (m) => m.b.reduce("ReduceSum", m.crossEntropy(m.linear(m.encoder(), sizes.hidden, sizes.vocab), m.labels), undefined);
    const { run } = await import("./encoder.js");
    const result = await run(build, { ...paddedBatch, labels: paddedBatch.labels.map((row) => row.map(() => -100)) }, [rowPushdown]);
    assert.equal(result.changes, 0);
    assert.ok(Number.isNaN(result.loss));
  });
});

describe("a program for few labels", () => {
  it("serves runs with others, but none without any, nor with a label at most tokens: which program computes a run is decided by its data alone", async () => {
    const { holds } = await unchanged((m) => m.crossEntropy(m.linear(m.encoder(), sizes.hidden, sizes.vocab), m.labels), paddedBatch, [rowPushdown]);
    assert.ok(holds({ ...paddedBatch, labels: paddedBatch.labels.map((row) => row.toReversed()) }));
    assert.ok(!holds({ ...paddedBatch, labels: paddedBatch.ids }));
    assert.ok(!holds({ ...paddedBatch, labels: paddedBatch.labels.map((row) => row.map(() => -100)) }));
  });
});

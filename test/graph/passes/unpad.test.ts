// Unpadding: padding is not computed, losses, outputs and gradients are what they were; it declines where padding's rows matter.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../../support/properties.js";
import { rowPushdown } from "../../../src/graph/passes/row-pushdown/index.js";
import { unpad } from "../../../src/graph/passes/unpad/index.js";
import { type Batch, type Build, type Model, paddedBatch, run, sizes, unchanged } from "./encoder.js";

const head = (m: Model, x: ReturnType<Model["linear"]>) => m.scalarOf(m.linear(x, sizes.hidden, 3));
const token = (m: Model, x: ReturnType<Model["linear"]>, at: number) => m.b.squeeze(m.b.slice(x, 1, at, at + 1), [1]);
const firstToken: Build = (m) => head(m, token(m, m.encoder(), 0));
const languageModel: Build = (m) => m.crossEntropy(m.linear(m.encoder({ causal: true }), sizes.hidden, sizes.vocab), m.labels);
/** The mean of hidden states over the tokens of the mask. */
const masked = (m: Model): ReturnType<Model["linear"]> => {
  const weights = m.b.cast(m.mask, "float32");
  const sum = m.b.reduce("ReduceSum", m.b.mul(m.encoder(), m.b.unsqueeze(weights, [2])), [1]);
  return m.b.div(sum, m.b.reduce("ReduceSum", weights, [1], true));
};
/** The labels of the next token; nothing comes after the last. */
const shifted = (m: Model) => {
  const last = m.b.expand(m.b.scalar(-100, "int64"), m.b.concat([m.b.op("Shape", [m.labels], { start: 0, end: 1 }), m.b.int64([1])], 0));
  return m.b.concat([m.b.slice(m.labels, 1, 1, Number.MAX_SAFE_INTEGER), last], 1);
};
/** All tokens have a label, padding has none. */
const labelled: Batch = { ...paddedBatch, labels: paddedBatch.ids.map((row) => row.map((id) => (id === 0 ? -100 : id))) };
/** The dense products that are left: maps of hidden states [B, S, ..]. */
const wide = (graph: Model["graph"]) => graph.nodes.filter((node) => node.op === "FusedMatMul" && node.outputs[0]!.rank > 2);

const models: Readonly<Record<string, readonly [Build, Batch]>> = {
  "the first token": [firstToken, paddedBatch],
  "the last token, by the ids": [(m) => head(m, m.lastToken(m.encoder({ causal: true }))), paddedBatch],
  "a mean over the tokens of the mask": [(m) => m.scalarOf(masked(m)), paddedBatch],
  "a loss of few tokens": [(m) => m.crossEntropy(m.linear(m.encoder(), sizes.hidden, sizes.vocab), m.labels), paddedBatch],
  "a loss of all tokens": [languageModel, labelled],
  "a loss of all tokens, flattened": [(m) => m.crossEntropy(m.flat(m.linear(m.encoder(), sizes.hidden, sizes.vocab)), m.flat(m.labels)), labelled],
  "a loss of the next token": [(m) => m.crossEntropy(m.linear(m.encoder({ causal: true }), sizes.hidden, sizes.vocab), shifted(m)), labelled],
  "a loss and an output of the first token": [
    (m) => {
      const logits = m.linear(token(m, m.encoder(), 0), sizes.hidden, 3);
      m.graph.outputs.push(logits);
      return m.scalarOf(logits);
    },
    paddedBatch,
  ],
  "a mask made of the ids": [
    (m) => head(m, token(m, m.encoder({ keyBias: m.keyBias(m.b.unary("Not", m.b.op("Equal", [m.ids, m.b.scalar(0, "int64")]))) }), 0)),
    paddedBatch,
  ],
  "a batch without padding": [firstToken, { ...paddedBatch, mask: paddedBatch.mask.map((row) => row.map(() => 1)) }],
  "padding in front, of a model that reads the last token": [
    (m) => head(m, m.b.squeeze(m.b.slice(m.encoder({ causal: true }), 1, -1, Number.MAX_SAFE_INTEGER), [1])),
    { ...paddedBatch, mask: paddedBatch.mask.map((row) => row.toReversed()) },
  ],
};

describe("unpadding changes nothing but what is computed:", () => {
  for (const [name, [build, batch]] of Object.entries(models)) {
    for (const [passes, how] of [
      [[unpad], ""],
      [[rowPushdown, unpad], ", after row pushdown"],
    ] as const) {
      it(name + how, async () => {
        const { changes, graph } = await unchanged(build, batch, passes);
        assert.ok(changes >= 2);
        assert.equal(wide(graph).length, 0);
        assert.ok(graph.nodes.filter((node) => node.op === "Attention").every((node) => node.inputs[5] && node.inputs[6] && !node.inputs[3]));
      });
    }
  }

  it("for any sizes and masks", async () => {
    const batches = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 })).chain(([rows, tokens]) =>
      fc.array(
        fc.record({ ids: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: tokens, maxLength: tokens }), length: fc.integer({ min: 1, max: tokens }) }),
        {
          minLength: rows,
          maxLength: rows,
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(batches, fc.boolean(), async (rows, push) => {
        const batch: Batch = {
          ids: rows.map(({ ids, length }) => ids.map((id, i) => (i < length ? id : 0))),
          mask: rows.map(({ ids, length }) => ids.map((_, i) => Number(i < length))),
          labels: rows.map(({ ids, length }) => ids.map((id, i) => (i < length && id > 3 - i ? id : -100))),
        };
        const passes = push ? [rowPushdown, unpad] : [unpad];
        assert.ok((await unchanged(firstToken, batch, passes)).changes >= 2);
        if (batch.labels.flat().some((label) => label >= 0)) assert.ok((await unchanged(languageModel, batch, passes)).changes >= 2);
      }),
      { numRuns: 6 },
    );
  });
});

describe("unpadding declines", () => {
  const declines = async (build: Build, batch = paddedBatch) => assert.equal((await unchanged(build, batch, [unpad])).changes, 0);

  it("where padding is part of a mean", () => declines((m) => m.scalarOf(m.b.reduce("ReduceMean", m.encoder(), [1]))));
  it("where padding is part of a mean and the first token is read, too", () =>
    declines((m) => {
      const x = m.encoder();
      return m.b.add(head(m, token(m, x, 0)), m.scalarOf(m.b.reduce("ReduceMean", x, [1])));
    }));
  it("where padding has a label", () => declines(languageModel, { ...paddedBatch, labels: paddedBatch.ids }));
  it("where the next token of the last padding in front has a label", () =>
    declines((m) => m.crossEntropy(m.linear(m.encoder({ causal: true }), sizes.hidden, sizes.vocab), shifted(m)), {
      ids: [[0, 0, 3, 4]],
      mask: [[0, 0, 1, 1]],
      labels: [[-100, -100, 3, 4]],
    }));
  it("where padding's hidden states are an output", () =>
    declines((m) => {
      const x = m.encoder();
      m.graph.outputs.push(x);
      return head(m, token(m, x, 0));
    }));
  it("where the hidden states of a layer before are an output", () =>
    declines((m) => {
      const bias = m.keyBias();
      const x = m.layer(m.embeddings(), bias);
      m.graph.outputs.push(x);
      return head(m, token(m, m.layer(x, bias), 0));
    }));
  it("where the mask is soft", () =>
    declines((m) => {
      const soft = m.feed(
        "soft",
        [
          [0.1, 1, 0.5, 1, 0.2],
          [1, 1, 1, 0, 0],
          [1, 0, 0, 0, 0],
        ],
        "float32",
      );
      return head(m, token(m, m.encoder({ keyBias: m.b.mulScalar(m.b.addScalar(m.b.neg(soft), 1), -2) }), 0));
    }));
  it("where the mask hides little", () =>
    declines((m) => head(m, token(m, m.encoder({ keyBias: m.b.mulScalar(m.b.addScalar(m.b.neg(m.b.cast(m.mask, "float32")), 1), -100) }), 0))));
  it("where a row is all padding", () => declines(firstToken, { ...paddedBatch, mask: [...paddedBatch.mask.slice(0, 2), [0, 0, 0, 0, 0]] }));
  it("where padding is in front and the first token is read", () =>
    declines(firstToken, { ...paddedBatch, mask: paddedBatch.mask.map((row) => row.toReversed()) }));
  it("where the mask is a parameter", () =>
    declines((m) => head(m, token(m, m.encoder({ keyBias: m.b.expand(m.parameter(1, 5), m.b.op("Shape", [m.mask])) }), 0))));
  it("where there is no mask", () => declines((m) => head(m, token(m, m.encoder({ keyBias: undefined }), 0))));
  it("where layers have masks that differ", () =>
    declines((m) => {
      const other = m.keyBias(m.b.cast(m.b.op("GreaterOrEqual", [m.ids, m.b.scalar(3, "int64")]), "int64"));
      return head(m, token(m, m.layer(m.layer(m.embeddings(), m.keyBias()), other), 0));
    }));
});

describe("a program without padding", () => {
  it("serves runs with other padding, but none in which padding is read", async () => {
    const { holds } = await unchanged(firstToken, paddedBatch, [unpad]);
    assert.ok(holds({ ...paddedBatch, mask: paddedBatch.mask.map((row) => row.map(() => 1)) }));
    assert.ok(holds({ ids: [[1, 2]], mask: [[1, 0]], labels: [[-100, -100]] }));
    assert.ok(!holds({ ...paddedBatch, mask: paddedBatch.mask.map((row) => row.toReversed()) }));
    assert.ok(!holds({ ...paddedBatch, mask: paddedBatch.mask.map((row) => row.map(() => 0)) }));
    assert.ok(!holds({ ...paddedBatch, mask: paddedBatch.mask.map((row) => row.map((x) => 2 * x)) }));
  });

  it("serves no run with a label at padding", async () => {
    const { holds } = await unchanged(languageModel, labelled, [unpad]);
    assert.ok(holds(paddedBatch));
    assert.ok(!holds({ ...labelled, labels: labelled.ids }));
  });

  it("leaves no trace where it declines", async () => {
    const build: Build = (m) => m.scalarOf(m.encoder());
    const [before, after] = [await run(build, paddedBatch, []), await run(build, paddedBatch, [unpad])];
    assert.equal(after.graph.nodes.length, before.graph.nodes.length);
  });
});

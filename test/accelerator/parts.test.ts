// The parts of the Accelerator that need no other worker: shares of an arena, parts of a list, windows, norms, structures.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { replaceTensors, tensorsIn } from "../../src/accelerator/collectives/nested.js";
import { combineNorms, scaleNorm } from "../../src/accelerator/gradients/norms.js";
import { shareOf } from "../../src/accelerator/gradients/shares.js";
import { partOf, rowsOf } from "../../src/accelerator/collectives/split.js";
import { checkOptionNames } from "../../src/accelerator/known-options.js";
import { Stopping } from "../../src/accelerator/stopping.js";
import { Dataset } from "../../src/data/index.js";
import { normKinds } from "../../src/optim/index.js";
import { ParameterArena, Parameter, type Tensor, tensor, zeros } from "../../src/tensor/index.js";

const engineMemory = { allocate: (bytes: number) => new ArrayBuffer(bytes) };

describe("shares of an arena", () => {
  it("cover it without gaps, begin on cache lines, and are even over what has a gradient", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (sizes, size) => {
          const arena = ParameterArena.place(
            sizes.map(([n]) => new Parameter(zeros([n]))),
            { values: engineMemory, grads: engineMemory },
          );
          const has = sizes.map(([, h]) => h);
          const shares = Array.from({ length: size }, (_, rank) => shareOf(arena, has, { rank, size }));
          assert.equal(shares[0]!.begin, 0);
          assert.equal(shares.at(-1)!.end, arena.values.length);
          const total = sizes.reduce((sum, [n, h]) => sum + (h ? n : 0), 0);
          for (const [rank, { begin, end }] of shares.entries()) {
            assert.ok(begin <= end);
            assert.equal(begin % 16, 0);
            if (rank > 0) assert.equal(begin, shares[rank - 1]!.end);
            const own = arena.segments.reduce(
              (sum, s, i) => sum + (has[i] ? Math.max(0, Math.min(end, s.offset + s.length) - Math.max(begin, s.offset)) : 0),
              0,
            );
            assert.ok(Math.abs(own - total / size) <= 33, `rank ${rank} of ${size} has ${own} of ${total}`);
          }
        },
      ),
    );
  });
});

describe("splitBetweenProcesses", () => {
  const items = (n: number) => Array.from({ length: n }, (_, i) => i);
  const sizes = (n: number, size: number, applyPadding = false) => Array.from({ length: size }, (_, rank) => rowsOf(n, { rank, size }, { applyPadding }));

  it("gives the first workers one more, and pads with the last item", () => {
    assert.deepEqual(
      sizes(17, 4).map((p) => p.length),
      [5, 4, 4, 4],
    );
    assert.deepEqual(sizes(17, 4).flat(), items(17));
    assert.deepEqual(sizes(17, 4, true)[3], [13, 14, 15, 16, 16]);
    assert.deepEqual(sizes(1, 4), [[0], [], [], []]);
    assert.deepEqual(sizes(1, 4, true), [[0], [0], [0], [0]]);
    assert.deepEqual(sizes(0, 2, true), [[], []]);
  });
  it("leaves what it was given alone: lists, tensors, columns", async () => {
    const place = { rank: 1, size: 2 };
    const list = Object.freeze(items(5)) as readonly number[];
    assert.deepEqual(await partOf(list, place, { applyPadding: true }), [3, 4, 4]);
    const columns = Object.freeze({
      a: list,
      b: tensor([[0], [1], [2], [3], [4]]),
      more: { c: Dataset.fromRows([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]) },
    });
    const part = (await partOf(columns, place, { applyPadding: true })) as { a: number[]; b: Tensor; more: { c: Dataset<{ n: number }> } };
    assert.deepEqual(
      [part.a, await part.b.toArray(), [...part.more.c]],
      [
        [3, 4, 4],
        [[3], [4], [4]],
        [{ n: 3 }, { n: 4 }, { n: 4 }],
      ],
    );
    assert.deepEqual([columns.a.length, columns.b.shape, columns.more.c.length], [5, [5, 1], 5]);
    const none = (await partOf(tensor([[1, 2]], { dtype: "int64" }), place)) as Tensor;
    assert.deepEqual([none.shape, none.dtype], [[0, 2], "int64"]);
  });
  it("names what it cannot split", async () => {
    const place = { rank: 0, size: 2 };
    await assert.rejects(partOf({ a: [1], b: { c: [1, 2] } }, place), /a has 1 rows and b\.c has 2: all columns must be as long/);
    await assert.rejects(partOf({ a: "text" }, place), /takes a list, a tensor.*: a is string/);
    await assert.rejects(partOf(tensor(1), place), /the value is a scalar/);
    await assert.rejects(partOf(new Map(), place), /the value is Map/);
  });
});

describe("norms in parts", () => {
  it("scale and add up as the norm of the whole", () => {
    const numbers = [3, -4, 12];
    const parts = (kind: number, power: (x: number) => number) =>
      combineNorms(
        numbers.map((x) => ({ value: power(x), nonFinite: 0 })),
        kind,
      ).value;
    assert.equal(
      parts(normKinds.squares, (x) => x * x),
      169,
    );
    assert.equal(parts(normKinds.absolutes, Math.abs), 19);
    assert.equal(parts(normKinds.maximum, Math.abs), 12);
    assert.equal(scaleNorm({ value: 169, nonFinite: 0 }, normKinds.squares, 2, 0.5).value, 42.25);
    assert.equal(scaleNorm({ value: 8, nonFinite: 1 }, normKinds.power, 3, 0.5).value, 1);
    assert.ok(
      Number.isNaN(
        combineNorms(
          [
            { value: 1, nonFinite: 0 },
            { value: Number.NaN, nonFinite: 1 },
          ],
          normKinds.maximum,
        ).value,
      ),
    );
  });
});

describe("structures of tensors", () => {
  it("are walked in order and rebuilt", () => {
    const value = { a: tensor([1]), b: [tensor([2]), { c: tensor([3]) }] };
    assert.deepEqual(
      tensorsIn(value, "gather").map(([path]) => path),
      ["a", "b[0]", "b[1].c"],
    );
    const fresh = [tensor([10]), tensor([20]), tensor([30])];
    const out = replaceTensors(value, fresh.values()) as { a: Tensor; b: [Tensor, { c: Tensor }] };
    assert.equal(out.a, fresh[0]);
    assert.equal(out.b[1].c, fresh[2]);
  });
  it("what is no tensor is named by its path", () => {
    assert.throws(() => tensorsIn({ x: [tensor([1]), 2] }, "gather"), /gather: x\[1\] is number, not a tensor/);
    assert.throws(() => tensorsIn(new Map(), "reduce"), /the value is Map/);
  });
});

describe("options", () => {
  it("that there are not are named, with what was meant", () => {
    const refused = (options: object, message: RegExp) => assert.throws(() => checkOptionNames(options), { code: "ERR_OPTIONS", message });
    refused({ splitBatches: true }, /the Accelerator has no option splitBatches: it belongs to dataloaderConfig: \{ splitBatches \}/);
    refused({ gradient_accumulation_steps: 2 }, /write gradientAccumulationSteps/);
    refused({ dataloaderConfig: { even_batches: false } }, /dataloaderConfig has no option even_batches: write evenBatches/);
    refused({ projectConfig: { limit: 3 } }, /projectConfig has no option limit: its options are projectDir, loggingDir/);
    checkOptionNames({ seed: 1, dataloaderConfig: { splitBatches: true }, gradientAccumulationPlugin: { numSteps: 2 } });
  });
});

describe("stopping", () => {
  it("happens after the step at which all know of a wish", () => {
    const [one, other] = [new Stopping(), new Stopping()];
    one.request("Ctrl-C");
    for (const s of [one, other]) s.agreed(one.mine() | other.mine());
    assert.equal(other.settle(7), true);
    assert.equal(other.signal.aborted, true);
    assert.throws(() => other.check(), { code: "ERR_STOPPED" });
    assert.equal(other.settle(8), false);
    const third = new Stopping();
    third.agreed(0);
    assert.equal(third.settle(1), false);
    third.check();
  });
});

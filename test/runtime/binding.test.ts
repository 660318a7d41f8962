import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { type Binding, Engine, EngineError, type Session } from "../../src/runtime/index.js";
import { addModel, tinyModel } from "../support/tiny-model.js";

const code =
  (wanted: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, wanted, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message} does not say ${word}`);
    return true;
  };

suite("Binding", () => {
  const engine = Engine.default();
  let session: Session;
  let binding: Binding;
  const a = new Float32Array([1, 2, 3]);
  const b = new Float32Array([10, 20, 30]);
  before(async () => {
    session = await engine.createSession(addModel(), { name: "add" });
  });
  after(() => session.close());

  const bound = (out: Float32Array = new Float32Array(3)) => {
    binding = session.createBinding();
    binding.bindInput(0, a, [3]);
    binding.bindInput(1, b, [3]);
    binding.bindOutput(0, out, [3]);
    return binding;
  };

  test("describes inputs and outputs", () => {
    assert.deepEqual(session.inputs, [
      { name: "a", dtype: "float32", shape: ["n"], ranked: true, onHost: true },
      { name: "b", dtype: "float32", shape: ["n"], ranked: true, onHost: true },
    ]);
    assert.deepEqual(session.outputs, [{ name: "y", dtype: "float32", shape: ["n"], ranked: true, onHost: true }]);
  });

  test("writes bound memory in place, also a view into larger memory, and reads inputs anew in each run", async () => {
    const big = new Float32Array(9);
    bound(big.subarray(2, 5));
    await binding.run();
    assert.deepEqual([...big], [0, 0, 11, 22, 33, 0, 0, 0, 0]);
    a[0] = 5;
    await binding.run();
    assert.equal(big[2], 15);
    a[0] = 1;
  });

  test("memory from the engine and shared memory can be bound", async () => {
    const shared = new Float32Array(new SharedArrayBuffer(12)).fill(1);
    const out = new Float32Array(engine.allocate(12));
    bound(out);
    binding.bindInput(0, shared, [3]);
    await binding.run();
    assert.deepEqual([...out], [11, 21, 31]);
  });

  test("only what is bound again changes, and lengths may change between runs", async () => {
    bound();
    await binding.run();
    const longer = new Float32Array([1, 1, 1, 1]);
    const out = new Float32Array(4);
    binding.bindInput(0, longer, [4]);
    binding.bindInput(1, longer, [4]);
    binding.bindOutput(0, out, [4]);
    await binding.run();
    assert.deepEqual([...out], [2, 2, 2, 2]);
  });

  test("an empty tensor is bound and run like any other", async () => {
    bound();
    binding.bindInput(0, new Float32Array(0), [0]);
    binding.bindInput(1, new Float32Array(0), [0]);
    binding.bindOutputDynamic(0);
    await binding.run();
    assert.deepEqual(binding.takeOutput(0).shape, [0]);
  });

  test("outputs of unknown shape are allocated by the run and belong to the caller afterwards", async () => {
    bound();
    assert.throws(() => binding.takeOutput(0), code("ERR_BINDING_OUTPUT", "y", "bindOutputDynamic"));
    binding.bindOutputDynamic(0);
    assert.throws(() => binding.takeOutput(0), code("ERR_BINDING_OUTPUT"));
    await binding.run();
    const first = binding.takeOutput(0);
    assert.deepEqual(first, { shape: [3], data: new Float32Array([11, 22, 33]) });
    const long = new Float32Array(5000).fill(2);
    binding.bindInput(0, long, [5000]);
    binding.bindInput(1, long, [5000]);
    await binding.run();
    const second = binding.takeOutput(0);
    await binding.run();
    (binding.takeOutput(0).data as Float32Array).fill(0);
    assert.deepEqual([...first.data], [11, 22, 33]);
    assert.ok(second.data.length === 5000 && second.data.every((x) => x === 4));
  });

  test("wrong lengths, ranks, dims and places are refused with the tensor's name", async () => {
    bound();
    assert.throws(() => binding.bindInput(0, a, [4]), code("ERR_BINDING_SIZE", "input a", "12 bytes", "16 bytes are needed"));
    assert.throws(() => binding.bindInput(0, new Float64Array(3), [3]), code("ERR_BINDING_SIZE", "24 bytes"));
    assert.throws(() => binding.bindInput(1, a, [1, 3]), code("ERR_BINDING_SHAPE", "input b", "rank 1: [n]"));
    assert.throws(() => binding.bindInput(1, a, [1.5]), code("ERR_BINDING_SHAPE", "dim 0 is 1.5"));
    assert.throws(() => binding.bindOutput(0, a, [-3]), code("ERR_BINDING_SHAPE", "output y"));
    assert.throws(() => binding.bindInput(2, a, [3]), code("ERR_BINDING_INDEX", "input 2", "0 to 1"));
    await using fixed = await engine.createSession(
      tinyModel({
        inputs: [{ name: "x", dtype: "float32", shape: [2, "n"] }],
        outputs: [{ name: "y", dtype: "float32", shape: [2, "n"] }],
        nodes: [{ op: "Neg", inputs: ["x"], outputs: ["y"] }],
      }),
    );
    assert.throws(() => fixed.createBinding().bindInput(0, a, [3, 1]), code("ERR_BINDING_SHAPE", "dim 0 is 3", "the graph has 2"));
  });

  test("property: exactly the views whose byte length is the shape's product are taken", () => {
    bound();
    fc.assert(
      fc.property(fc.nat(64), fc.nat(64), (length, dim) => {
        const bind = () => binding.bindInput(0, new Float32Array(length), [dim]);
        if (length === dim) bind();
        else assert.throws(bind, code("ERR_BINDING_SIZE"));
      }),
    );
  });

  test("a run with an unbound input or no output says which and what to call", async () => {
    binding = session.createBinding();
    binding.bindInput(0, a, [3]);
    await assert.rejects(binding.run(), code("ERR_BINDING_UNBOUND", "input b", "bindInput(1"));
    binding.bindInput(1, b, [3]);
    await assert.rejects(binding.run(), code("ERR_BINDING_UNBOUND", "no output", "y"));
  });

  test("memory that was transferred away is noticed before the run", async () => {
    bound();
    const gone = new Float32Array(3);
    binding.bindInput(0, gone, [3]);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    await assert.rejects(binding.run(), code("ERR_BINDING_DETACHED", "input a"));
  });

  test("while a run is in flight nothing can be bound, run or closed; afterwards everything can", async () => {
    bound();
    const run = binding.run();
    assert.throws(() => binding.bindInput(0, a, [3]), code("ERR_BINDING_BUSY"));
    assert.throws(() => binding.bindOutputDynamic(0), code("ERR_BINDING_BUSY"));
    assert.throws(() => binding.takeOutput(0), code("ERR_BINDING_BUSY"));
    assert.throws(() => binding.close(), code("ERR_BINDING_BUSY"));
    await assert.rejects(binding.run(), code("ERR_BINDING_BUSY"));
    await run;
    await binding.run();
    binding.close();
    binding.close();
    assert.throws(() => binding.bindInput(0, a, [3]), code("ERR_BINDING_CLOSED"));
  });

  test("accumulate adds after the run, in the same job, any length", async () => {
    for (const length of [3, 17, 100_003]) {
      const x = Float32Array.from({ length }, (_, i) => i % 7);
      const out = new Float32Array(length);
      const sum = new Float32Array(length).fill(0.5);
      bound();
      binding.bindInput(0, x, [length]);
      binding.bindInput(1, x, [length]);
      binding.bindOutput(0, out, [length]);
      await binding.run({ accumulate: [{ into: sum, from: out }] });
      await binding.run({ accumulate: [{ into: sum, from: out }] });
      assert.deepEqual(
        sum,
        x.map((value) => 0.5 + 4 * value),
      );
    }
    await assert.rejects(binding.run({ accumulate: [{ into: new Float32Array(2), from: a }] }), code("ERR_BINDING_SIZE", "accumulate[0]"));
    await binding.run();
  });

  test("an output is taken only when the last run gave it, not after it was bound anew", async () => {
    bound();
    await binding.run();
    binding.bindOutputDynamic(0);
    assert.throws(() => binding.takeOutput(0), code("ERR_BINDING_OUTPUT", "no run has ended well"));
    await binding.run();
    assert.equal(binding.takeOutput(0).data[1], 22);
    binding.bindOutput(0, new Float32Array(3), [3]);
    binding.bindOutputDynamic(0);
    assert.throws(() => binding.takeOutput(0), code("ERR_BINDING_OUTPUT"));
  });

  test("memory that is no view, or where a number would not lie at a multiple of its size, is refused", () => {
    bound();
    assert.throws(() => binding.bindInput(0, new Uint8Array(new ArrayBuffer(64), 1, 12), [3]), code("ERR_BINDING", "input a begins at byte 1"));
    assert.throws(() => binding.bindOutput(0, new ArrayBuffer(12) as unknown as Float32Array, [3]), code("ERR_BINDING", "output y is no typed array"));
    binding.bindInput(0, new Uint8Array(new ArrayBuffer(64), 4, 12), [3]);
  });

  test("more dims than a shape may have are refused, also where the graph has as many", async () => {
    const shape = Array.from({ length: 20 }, (_, i) => `d${i}`);
    const node = { op: "Identity", name: "same", inputs: ["x"], outputs: ["y"] };
    await using wide = await engine.createSession(
      tinyModel({ inputs: [{ name: "x", dtype: "float32", shape }], outputs: [{ name: "y", dtype: "float32", shape }], nodes: [node] }),
    );
    assert.throws(
      () =>
        wide.createBinding().bindInput(
          0,
          new Float32Array(1),
          shape.map(() => 1),
        ),
      code("ERR_BINDING_SHAPE", "rank 16"),
    );
  });

  test("accumulate takes Float32Arrays only", async () => {
    bound();
    const pair = { into: new Float64Array(3), from: new Float64Array(3) } as unknown as { into: Float32Array; from: Float32Array };
    await assert.rejects(binding.run({ accumulate: [pair] }), code("ERR_BINDING", "accumulate[0]"));
  });
});

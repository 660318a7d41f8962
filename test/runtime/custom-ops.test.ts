import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { type DType, sizeOf, type TypedArray, typedArray } from "../../src/graph/dtype.js";
import { dropoutMask, Engine, type EngineError, type Session } from "../../src/runtime/index.js";
import { type TinyNode, type TinySlot, tinyModel } from "../support/tiny-model.js";

interface Fed {
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

const engine = Engine.default();
/** A typed array of length numbers. */
const numbers = (dtype: "float32" | "float64", length: number, value: (i: number) => number) =>
  typedArray(
    dtype,
    Array.from({ length }, (_, i) => value(i)),
  );

async function run(session: Session, inputs: readonly Fed[]): Promise<TypedArray> {
  using binding = session.createBinding();
  inputs.forEach(({ data, shape }, i) => {
    binding.bindInput(i, data, shape);
  });
  binding.bindOutputDynamic(0);
  await binding.run();
  return binding.takeOutput(0).data;
}

const single = (node: Omit<TinyNode, "inputs" | "outputs" | "domain">, inputs: readonly TinySlot[], output: TinySlot) =>
  engine.createSession(
    tinyModel({
      inputs,
      outputs: [output],
      nodes: [{ ...node, domain: "accelerate_ts", name: node.op, inputs: inputs.map(({ name }) => name), outputs: [output.name] }],
    }),
  );

const symbolic = (name: string, dtype: DType, rank: number): TinySlot => ({ name, dtype, shape: Array.from({ length: rank }, (_, i) => `${name}${i}`) });

suite("accelerate_ts:Dropout", () => {
  const key = { seed: 0x1234_5678_9abcn, rank: 2, microStep: 7n, callOrdinal: 1 };
  const keyTensor: Fed = { data: BigInt64Array.of(key.seed, BigInt(key.rank), key.microStep, BigInt(key.callOrdinal)), shape: [4] };
  const make = (dtype: DType, rank: number, ratio: number, site: number) =>
    single(
      { op: "Dropout", attributes: { ratio: { float: ratio }, site } },
      [symbolic("x", dtype, rank), { name: "key", dtype: "int64", shape: [4] }],
      symbolic("y", dtype, rank),
    );

  for (const dtype of ["float32", "float64"] as const) {
    test(`keeps what the mask keeps, for every rank, in ${dtype}`, async () => {
      const ratio = 0.25;
      for (const shape of [[37], [5, 9], [3, 4, 6], [2, 3, 5, 7]]) {
        await using session = await make(dtype, shape.length, ratio, 11);
        const x = numbers(dtype, sizeOf(shape), (i) => i + 1);
        const y = await run(session, [{ data: x, shape }, keyTensor]);
        const mask = dropoutMask(key, 11, ratio, shape);
        for (let i = 0; i < x.length; i++)
          assert.ok(Math.abs(Number(y[i]) - (mask[i] ? (i + 1) / (1 - ratio) : 0)) <= 1e-6 * (i + 1), `place ${i} of [${shape}]`);
      }
    });
  }

  test("ratio 0 copies and ratio 1 gives zeros", async () => {
    const x = Float32Array.from({ length: 40 }, (_, i) => i - 20);
    for (const [ratio, wanted] of [
      [0, x],
      [1, new Float32Array(40)],
    ] as const) {
      await using session = await make("float32", 2, ratio, 0);
      const y = await run(session, [{ data: x, shape: [4, 10] }, keyTensor]);
      assert.ok(wanted.every((value, i) => value === Math.abs(0) + Number(y[i])));
    }
  });

  test("the kernel may write onto its input inside a graph without changing what others read", async () => {
    await using session = await engine.createSession(
      tinyModel({
        inputs: [
          { name: "x", dtype: "float32", shape: ["n"] },
          { name: "key", dtype: "int64", shape: [4] },
        ],
        outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
        nodes: [
          { op: "Neg", inputs: ["x"], outputs: ["h"], name: "neg" },
          { op: "Dropout", domain: "accelerate_ts", inputs: ["h", "key"], outputs: ["d"], name: "drop", attributes: { ratio: { float: 0.5 }, site: 3 } },
          { op: "Sub", inputs: ["d", "h"], outputs: ["y"], name: "sub" },
        ],
      }),
    );
    const x = new Float32Array(1000).fill(1);
    const y = await run(session, [{ data: x, shape: [1000] }, keyTensor]);
    const mask = dropoutMask(key, 3, 0.5, [1000]);
    assert.ok([...mask].every((keep, i) => Number(y[i]) === (keep ? -1 : 1)));
    assert.ok(x.every((value) => value === 1));
  });

  test("a tensor of rank 5 and a key of another length are refused by name", async () => {
    await using session = await make("float32", 5, 0.5, 0);
    await assert.rejects(
      run(session, [{ data: new Float32Array(1), shape: [1, 1, 1, 1, 1] }, keyTensor]),
      (error: EngineError) => error.op === "Dropout" && error.message.includes("rank 5"),
    );
  });
});

suite("accelerate_ts:EmbeddingGrad", () => {
  const make = (dtype: DType, indexType: DType, indexRank: number, gradRank: number, tableRank: number, axis: number, padding: number) =>
    single(
      { op: "EmbeddingGrad", attributes: { axis, padding_idx: padding } },
      [symbolic("ids", indexType, indexRank), symbolic("dy", dtype, gradRank), { name: "shape", dtype: "int64", shape: [tableRank] }],
      symbolic("g", dtype, tableRank),
    );

  test("property: equals the plain sum over rows, bit for bit, for both float and both index types", async () => {
    for (const dtype of ["float32", "float64"] as const) {
      for (const indexType of ["int64", "int32"] as const) {
        await using session = await make(dtype, indexType, 2, 3, 2, 0, 1);
        await fc.assert(
          fc.asyncProperty(
            fc.integer({ min: 2, max: 6 }),
            fc.integer({ min: 1, max: 33 }),
            fc.array(fc.nat(11), { minLength: 1, maxLength: 40 }),
            async (rows, inner, raw) => {
              const ids = raw.map((id) => (id % (2 * rows)) - rows);
              const dy = numbers(dtype, ids.length * inner, (i) => Math.sin(i) / 3);
              const wanted = numbers(dtype, rows * inner, () => 0);
              ids.forEach((id, i) => {
                const row = id < 0 ? id + rows : id;
                if (row !== 1) for (let c = 0; c < inner; c++) wanted[row * inner + c]! += dy[i * inner + c]!;
              });
              const indices = indexType === "int64" ? BigInt64Array.from(ids.map(BigInt)) : Int32Array.from(ids);
              const shape = { data: BigInt64Array.of(BigInt(rows), BigInt(inner)), shape: [2] };
              const got = await run(session, [{ data: indices, shape: [1, ids.length] }, { data: dy, shape: [1, ids.length, inner] }, shape]);
              assert.deepEqual(got, wanted);
            },
          ),
          { numRuns: 25 },
        );
      }
    }
  });

  test("gathers along a later axis", async () => {
    await using session = await make("float32", "int64", 1, 2, 2, 1, -1);
    const dy = new Float32Array([1, 2, 3, 4, 5, 6]);
    const shape = { data: BigInt64Array.of(2n, 4n), shape: [2] };
    const got = await run(session, [{ data: BigInt64Array.of(3n, 0n, 3n), shape: [3] }, { data: dy, shape: [2, 3] }, shape]);
    assert.deepEqual([...(got as Float32Array)], [2, 0, 0, 4, 5, 0, 0, 10]);
  });

  test("an index outside of the table is an error that says which", async () => {
    await using session = await make("float32", "int64", 1, 2, 2, 0, -1);
    const shape = { data: BigInt64Array.of(4n, 1n), shape: [2] };
    await assert.rejects(
      run(session, [{ data: BigInt64Array.of(0n, 4n), shape: [2] }, { data: new Float32Array(2), shape: [2, 1] }, shape]),
      (error: EngineError) => error.code === "ERR_RUN" && error.op === "EmbeddingGrad" && error.message.includes("index 4 at place 1"),
    );
  });
});

suite("accelerate_ts:SparseEmbeddingGrad", () => {
  const model = (indexType: DType, padding: number) =>
    engine.createSession(
      tinyModel({
        inputs: [symbolic("ids", indexType, 2), symbolic("dy", "float32", 3), { name: "shape", dtype: "int64", shape: [2] }],
        outputs: [symbolic("rows", "int64", 1), symbolic("values", "float32", 2), symbolic("whole", "float32", 2)],
        nodes: [
          {
            op: "SparseEmbeddingGrad",
            domain: "accelerate_ts",
            inputs: ["ids", "dy", "shape"],
            outputs: ["rows", "values"],
            name: "rows",
            attributes: { padding_idx: padding },
          },
          {
            op: "EmbeddingGrad",
            domain: "accelerate_ts",
            inputs: ["ids", "dy", "shape"],
            outputs: ["whole"],
            name: "whole",
            attributes: { axis: 0, padding_idx: padding },
          },
        ],
      }),
    );

  test("property: holds the rows of EmbeddingGrad's result that were looked up, ascending, bit for bit, and the binding puts them in their places", async () => {
    for (const indexType of ["int64", "int32"] as const) {
      await using session = await model(indexType, 1);
      using binding = session.createBinding();
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 2, max: 100 }),
          fc.integer({ min: 1, max: 40 }),
          fc.array(fc.array(fc.nat(500), { maxLength: 40 }), { minLength: 1, maxLength: 3 }),
          async (rows, inner, runs) => {
            const into = new Float32Array(rows * inner);
            const bits = new Uint32Array(Math.ceil(rows / 32));
            const wanted = new Float32Array(rows * inner);
            const present = new Set<number>();
            for (const [k, raw] of runs.entries()) {
              // The second run is added, the third takes the place of both.
              const adds = k === 1;
              if (!adds) {
                wanted.fill(0);
                present.clear();
              }
              const ids = raw.map((id) => (id % (2 * rows)) - rows);
              const dy = Float32Array.from({ length: ids.length * inner }, (_, i) => Math.sin(i + k) / 3);
              binding.bindInput(0, indexType === "int64" ? BigInt64Array.from(ids.map(BigInt)) : Int32Array.from(ids), [1, ids.length]);
              binding.bindInput(1, dy, [1, ids.length, inner]);
              binding.bindInput(2, BigInt64Array.of(BigInt(rows), BigInt(inner)), [2]);
              for (const output of [0, 1, 2]) binding.bindOutputDynamic(output);
              await binding.run({ rows: [{ rows: 0, values: 1, into, bits, width: inner, adds }] });
              const whole = binding.takeOutput(2).data as Float32Array;
              const found = Array.from(binding.takeOutput(0).data as BigInt64Array, Number);
              const looked = new Set(ids.map((id) => (id < 0 ? id + rows : id)).filter((row) => row !== 1));
              assert.deepEqual(
                found,
                [...looked].sort((a, b) => a - b),
              );
              const values = binding.takeOutput(1).data as Float32Array;
              for (const [j, row] of found.entries()) assert.deepEqual(values.slice(j * inner, (j + 1) * inner), whole.slice(row * inner, (row + 1) * inner));
              for (let i = 0; i < wanted.length; i++) wanted[i]! += whole[i]!;
              for (const row of found) present.add(row);
              assert.deepEqual(into, wanted);
              for (let r = 0; r < rows; r++) assert.equal((bits[r >>> 5]! >>> (r & 31)) & 1, Number(present.has(r)));
            }
          },
        ),
        { numRuns: 40 },
      );
    }
  });

  test("rows are put only where there is room, and only from outputs that bring them", async () => {
    await using session = await model("int64", -1);
    using binding = session.createBinding();
    binding.bindInput(0, BigInt64Array.of(9n), [1, 1]);
    binding.bindInput(1, new Float32Array(2), [1, 1, 2]);
    binding.bindInput(2, BigInt64Array.of(10n, 2n), [2]);
    const table = { rows: 0, values: 1, into: new Float32Array(20), bits: new Uint32Array(1), width: 2, adds: false };
    await assert.rejects(binding.run({ rows: [table] }), (error: EngineError) => error.code === "ERR_BINDING" || error.code === "ERR_BINDING_UNBOUND");
    for (const output of [0, 1, 2]) binding.bindOutputDynamic(output);
    await assert.rejects(binding.run({ rows: [{ ...table, bits: new Uint32Array(0) }] }), (error: EngineError) => error.code === "ERR_BINDING_SIZE");
    await assert.rejects(binding.run({ rows: [{ ...table, into: new Float32Array(10) }] }), (error: EngineError) => error.code === "ERR_RUN");
    await binding.run({ rows: [table] });
    binding.bindInput(0, BigInt64Array.of(10n), [1, 1]);
    await assert.rejects(binding.run({ rows: [table] }), (error: EngineError) =>
      error.message.includes("index 10 at place 0 is outside of the table's 10 rows"),
    );
  });
});

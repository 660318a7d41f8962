import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { dtypes } from "../../src/graph/dtype.js";
import { Engine, EngineError } from "../../src/runtime/index.js";
import { type TinyModel, tinyModel } from "../support/tiny-model.js";

const matrix = (name: string, dtype: keyof typeof dtypes = "float32") => ({ name, dtype, shape: ["r", "c"] });

async function failure(work: Promise<unknown>): Promise<EngineError> {
  const error = await work.then(
    () => assert.fail("nothing failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EngineError, String(error));
  return error;
}

suite("Errors of the engine", () => {
  const engine = Engine.default();
  const create = (model: TinyModel) => failure(engine.createSession(tinyModel(model), { name: "broken" }));

  test("a failed run names node, operator and tensors, and the session stays usable", async () => {
    await using session = await engine.createSession(
      tinyModel({
        inputs: [matrix("x"), matrix("w")],
        outputs: [matrix("y")],
        nodes: [
          { op: "Tanh", inputs: ["x"], outputs: ["h"], name: "encoder/tanh" },
          { op: "MatMul", inputs: ["h", "w"], outputs: ["y"], name: "encoder/dense" },
        ],
      }),
      { name: "encoder" },
    );
    const binding = session.createBinding();
    const y = new Float32Array(4);
    binding.bindInput(0, new Float32Array(6), [2, 3]);
    binding.bindInput(1, new Float32Array(4).fill(1), [2, 2]);
    binding.bindOutput(0, y, [2, 2]);
    const error = await failure(binding.run());
    assert.equal(error.code, "ERR_RUN");
    assert.deepEqual([error.node, error.op, error.tensor], ["encoder/dense", "MatMul", "y"]);
    assert.match(error.message, /run of encoder failed: operator MatMul, node encoder\/dense \(h, w -> y\)/);
    assert.ok(error.cause instanceof Error);
    binding.bindInput(0, new Float32Array(4), [2, 2]);
    await binding.run();
  });

  test("an output bound with another shape than the run gives is an error, not a wrong result", async () => {
    await using session = await engine.createSession(
      tinyModel({ inputs: [matrix("x")], outputs: [matrix("y")], nodes: [{ op: "Tanh", inputs: ["x"], outputs: ["y"], name: "tanh" }] }),
    );
    const binding = session.createBinding();
    binding.bindInput(0, new Float32Array(6), [2, 3]);
    binding.bindOutput(0, new Float32Array(4), [2, 2]);
    assert.equal((await failure(binding.run())).code, "ERR_RUN");
  });

  test("shapes that do not fit are found when the session is made, with the node and its tensors", async () => {
    const error = await create({
      inputs: [
        { name: "a", dtype: "float32", shape: [2, 3] },
        { name: "b", dtype: "float32", shape: [2, 3] },
      ],
      outputs: [matrix("y")],
      nodes: [{ op: "MatMul", inputs: ["a", "b"], outputs: ["y"], name: "product" }],
    });
    assert.equal(error.code, "ERR_SESSION_CREATE");
    assert.deepEqual([error.node, error.op, error.tensor], ["product", "MatMul", "y"]);
    assert.match(error.message, /session broken could not be made: operator MatMul, node product \(a, b -> y\): .*Incompatible dimensions/);
  });

  const cases: readonly { readonly what: string; readonly model: TinyModel; readonly place: Partial<Pick<EngineError, "node" | "op" | "tensor">> }[] = [
    {
      what: "an unknown operator",
      model: { inputs: [matrix("x")], outputs: [matrix("y")], nodes: [{ op: "Frobnicate", inputs: ["x"], outputs: ["y"], name: "n" }] },
      place: { node: "n", op: "Frobnicate", tensor: "y" },
    },
    {
      what: "an unknown operator of our domain",
      model: {
        inputs: [matrix("x")],
        outputs: [matrix("y")],
        nodes: [{ op: "Frobnicate", domain: "accelerate_ts", inputs: ["x"], outputs: ["y"], name: "n" }],
      },
      place: { op: "accelerate_ts:Frobnicate" },
    },
    {
      what: "types that do not fit",
      model: { inputs: [matrix("x"), matrix("i", "int64")], outputs: [matrix("y")], nodes: [{ op: "Add", inputs: ["x", "i"], outputs: ["y"], name: "sum" }] },
      place: { node: "sum", op: "Add", tensor: "y" },
    },
    {
      what: "a type without kernel",
      model: { inputs: [matrix("x", "bfloat16")], outputs: [matrix("y", "bfloat16")], nodes: [{ op: "Tanh", inputs: ["x"], outputs: ["y"], name: "tanh" }] },
      place: { node: "tanh", op: "Tanh", tensor: "y" },
    },
    {
      what: "a tensor that nothing makes",
      model: { inputs: [matrix("x")], outputs: [matrix("y")], nodes: [{ op: "Add", inputs: ["x", "ghost"], outputs: ["y"], name: "sum" }] },
      place: { tensor: "ghost" },
    },
    {
      what: "a wrong number of inputs",
      model: { inputs: [matrix("x")], outputs: [matrix("y")], nodes: [{ op: "Tanh", inputs: ["x", "x"], outputs: ["y"], name: "tanh" }] },
      place: { node: "tanh", op: "Tanh", tensor: "y" },
    },
  ];
  for (const { what, model, place } of cases) {
    test(`${what} is named`, async () => {
      const error = await create(model);
      assert.equal(error.code, "ERR_SESSION_CREATE");
      for (const [key, value] of Object.entries(place)) assert.equal(error[key as "node"], value, error.message);
    });
  }

  test("bytes that are no model are refused", async () => {
    for (const bytes of [new Uint8Array(), new Uint8Array([1, 2, 3]), new TextEncoder().encode("not a model")]) {
      assert.equal((await failure(engine.createSession(bytes))).code, "ERR_SESSION_CREATE");
    }
  });
});

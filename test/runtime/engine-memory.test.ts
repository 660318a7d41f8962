// What the engine says of its scratch memory, and when it is told to give some back.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ArenaBound, Engine } from "../../src/runtime/index.js";
import { tinyModel } from "../support/tiny-model.js";

const engine = Engine.default();
const MB = 1 << 20;

suite("the engine's scratch memory", () => {
  const chain = () =>
    engine.createSession(
      tinyModel({
        inputs: [{ name: "x", dtype: "float32", shape: ["n"] }],
        outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
        nodes: [
          { op: "Neg", inputs: ["x"], outputs: ["a"], name: "a" },
          { op: "Exp", inputs: ["a"], outputs: ["b"], name: "b" },
          { op: "Mul", inputs: ["a", "b"], outputs: ["y"], name: "c" },
        ],
      }),
    );

  test("is told in bytes, and given back when a run is told to, with results as ever", async () => {
    await using session = await chain();
    using binding = session.createBinding();
    const run = async (n: number, shrinks: boolean): Promise<Float32Array> => {
      const [x, y] = [Float32Array.from({ length: n }, (_, i) => (i % 100) / 100), new Float32Array(n)];
      binding.bindInput(0, x, [n]);
      binding.bindOutput(0, y, [n]);
      await binding.run({ shrinks });
      return y;
    };
    const wanted = await run(1000, false);
    await run(4 * MB, false);
    const large = session.memory()!;
    assert.ok(large.held >= 16 * MB && large.peak >= 16 * MB && large.inUse < large.peak, JSON.stringify(large));
    assert.deepEqual(await run(1000, true), wanted);
    const small = session.memory()!;
    assert.ok(small.held <= large.held - 16 * MB, JSON.stringify(small));
    assert.ok(small.shrinkages > large.shrinkages);
    assert.equal(small.peak, large.peak);
    await run(1000, false);
    assert.equal(session.memory()!.shrinkages, small.shrinkages, "only the run that was told to gives back");
    assert.ok(engine.memory()!.held > 0);
    assert.equal((await run(4 * MB, false)).length, 4 * MB);
  });

  test("of a closed session nothing is told", async () => {
    const session = await chain();
    await session.close();
    assert.equal(session.memory(), undefined);
  });

  test("is bounded: more than twice what tensors ever took is given back, unless it is needed again at once", () => {
    const bound = new ArenaBound();
    const ask = (held: number, peak: number) => bound.exceeded({ held: held * MB, peak: peak * MB });
    assert.ok(!ask(200, 100));
    assert.ok(!ask(300, 100));
    assert.ok(ask(400, 100));
    // What it takes anew within the next looks is what it needs.
    for (const held of [50, 100, 420, 420, 420, 420, 420, 420]) assert.ok(!ask(held, 100));
    for (let i = 0; i < 20; i++) assert.ok(!ask(500, 100));
    assert.ok(ask(600, 100));
  });
});

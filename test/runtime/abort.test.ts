import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Engine, type Session } from "../../src/runtime/index.js";
import { slowModel } from "../support/tiny-model.js";

suite("Aborting a run", async () => {
  const engine = Engine.default();
  // Half a second and more, so that a run is in flight when its end comes after 5 ms, also where timers are late.
  const [size, longer] = [256, 640];
  const session = await engine.createSession(slowModel(size, 400), { name: "slow" });
  const long = await engine.createSession(slowModel(longer, 400), { name: "longer" });
  const unit = (size: number) => Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const x = unit(size);
  const bound = (session: Session, size: number, x: Float32Array) => {
    const binding = session.createBinding();
    const out = new Float32Array(size * size);
    binding.bindInput(0, x, [size, size]);
    binding.bindInput(1, x, [size, size]);
    binding.bindOutput(0, out, [size, size]);
    return { binding, out };
  };
  const make = () => bound(session, size, x);

  test("an aborted run rejects with the signal's reason, and the binding runs again", async () => {
    const matrix = unit(longer);
    const { binding, out } = bound(long, longer, matrix);
    for (let round = 0; round < 3; round++) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const run = binding.run({ signal: controller.signal });
      setTimeout(() => controller.abort(reason), 5);
      await assert.rejects(run, (error) => error === reason);
    }
    await binding.run();
    assert.deepEqual(out, matrix);
  });

  test("a run that was still waiting is aborted without being started", async () => {
    const [first, second] = [make(), make()];
    const controller = new AbortController();
    const runs = Promise.allSettled([first.binding.run(), second.binding.run({ signal: controller.signal })]);
    controller.abort("no longer wanted");
    const [done, aborted] = await runs;
    assert.equal(done.status, "fulfilled");
    assert.deepEqual(aborted, { status: "rejected", reason: "no longer wanted" });
    assert.ok(second.out.every((value) => value === 0));
    await second.binding.run();
    assert.deepEqual(second.out, x);
  });

  test("a signal that is aborted before the run starts it not", async () => {
    const { binding, out } = make();
    const reason = new Error("too late");
    await assert.rejects(binding.run({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.ok(out.every((value) => value === 0));
  });

  test("an abort after the run's end changes nothing, whatever the order of settling", async () => {
    const { binding } = make();
    const controller = new AbortController();
    await binding.run({ signal: controller.signal });
    controller.abort();
    await binding.run();
    // Both are settled in one turn of the event loop; the first one's continuation aborts the second.
    const late = new AbortController();
    const [a, b] = [make(), make()];
    const runs = Promise.allSettled([a.binding.run().then(() => late.abort("late")), b.binding.run({ signal: late.signal })]);
    const until = performance.now() + 1000;
    while (performance.now() < until); // the JS thread is busy: both runs end unseen
    const [, second] = await runs;
    assert.equal(second.status === "fulfilled" || second.reason === "late", true);
  });

  test("a timeout signal works, and memory is summed by no aborted run", async () => {
    const { binding, out } = bound(long, longer, unit(longer));
    const sum = new Float32Array(longer * longer);
    const run = binding.run({ signal: AbortSignal.timeout(5), accumulate: [{ into: sum, from: out }] });
    await assert.rejects(run, { name: "TimeoutError" });
    assert.ok(sum.every((value) => value === 0));
    for (const made of [session, long]) await made.close();
  });
});

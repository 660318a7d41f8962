import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { ArgumentError } from "../../src/errors.js";
import { Engine, type EngineError, type Session } from "../../src/runtime/index.js";
import { addModel, slowModel } from "../support/tiny-model.js";

/** A binding whose run takes minutes, to be aborted. */
function endless(session: Session) {
  const size = 1024;
  const x = new Float32Array(size * size).fill(1e-3);
  const binding = session.createBinding();
  binding.bindInput(0, x, [size, size]);
  binding.bindInput(1, x, [size, size]);
  binding.bindOutput(0, new Float32Array(size * size), [size, size]);
  return binding;
}

suite("Engine", () => {
  const engine = Engine.default();

  test("reports the version and threads it runs with", () => {
    assert.match(engine.version, /^1\.30\./);
    assert.ok(engine.threads >= 1);
    assert.equal(Engine.default(), engine);
  });

  test("a timer of 5 ms keeps ticking while a run is in flight", async () => {
    await using session = await engine.createSession(slowModel(1024, 2000));
    const enough = new AbortController();
    // Would take minutes; a blocked JS thread would not tick before its end.
    const run = endless(session).run({ signal: enough.signal });
    let settled = false;
    const ended = assert.rejects(run, /enough/).finally(() => {
      settled = true;
    });
    for (let ticks = 0; ticks < 50; ticks++) {
      await sleep(5);
      assert.ok(!settled, `the run was over after ${ticks} ticks`);
    }
    enough.abort(new Error("enough"));
    await ended;
  });

  test("several sessions live side by side and one is made while another runs", async () => {
    await using slow = await engine.createSession(slowModel(1024, 2000), { name: "slow" });
    const enough = new AbortController();
    let running = true;
    const run = assert.rejects(endless(slow).run({ signal: enough.signal }), /enough/).finally(() => {
      running = false;
    });
    await using add = await engine.createSession(addModel(), { name: "add" });
    assert.ok(running, "the session was made during the run");
    enough.abort(new Error("enough"));
    const bindings = [0, 1, 2].map((i) => {
      const binding = add.createBinding();
      const out = new Float32Array(2);
      binding.bindInput(0, new Float32Array([i, i]), [2]);
      binding.bindInput(1, new Float32Array([10, 20]), [2]);
      binding.bindOutput(0, out, [2]);
      return { binding, out };
    });
    await Promise.all([run, ...bindings.map(({ binding }) => binding.run())]);
    assert.deepEqual(
      bindings.map(({ out }) => [...out]),
      [
        [10, 20],
        [11, 21],
        [12, 22],
      ],
    );
  });

  test("jobs run in the order of their submission", async () => {
    await using session = await engine.createSession(addModel());
    const total = new Float32Array([0]);
    const bindings = Array.from({ length: 20 }, (_, i) => {
      const binding = session.createBinding();
      binding.bindInput(0, total, [1]);
      binding.bindInput(1, new Float32Array([i]), [1]);
      binding.bindOutput(0, total, [1]);
      return binding;
    });
    const order: number[] = [];
    await Promise.all(bindings.map((binding, i) => binding.run().then(() => order.push(i))));
    assert.equal(total[0], 190);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
  });

  test("allocates zeroed, page-aligned memory of any size and refuses sizes that are none", () => {
    for (const bytes of [1, 4096, 5 << 20]) {
      const buffer = engine.allocate(bytes);
      assert.equal(buffer.byteLength, bytes);
      assert.ok(new Uint8Array(buffer).every((byte) => byte === 0));
    }
    assert.throws(() => engine.allocate(0), ArgumentError);
    assert.throws(
      () => engine.allocate(2 ** 52),
      (error: EngineError) => error.code === "ERR_ARENA_MEMORY",
    );
  });

  test("a second engine shares the environment, and other options are refused by name", () => {
    assert.equal(Engine.open({ threads: engine.threads }).threads, engine.threads);
    assert.throws(
      () => Engine.open({ threads: engine.threads + 1 }),
      (error: EngineError) => error.code === "ERR_ENGINE_OPEN" && error.message.includes(`threads ${engine.threads}, not ${engine.threads + 1}`),
    );
    assert.throws(() => Engine.open({ threads: 0 }), ArgumentError);
  });

  test("a closed engine closes its sessions, makes no more, and the default one opens again", async () => {
    const other = Engine.open();
    const session = await other.createSession(addModel(), { name: "last" });
    const binding = session.createBinding();
    binding.bindInput(0, new Float32Array([1]), [1]);
    binding.bindInput(1, new Float32Array([2]), [1]);
    const out = new Float32Array(1);
    binding.bindOutput(0, out, [1]);
    const run = binding.run();
    await other.close();
    await run;
    assert.equal(out[0], 3);
    await assert.rejects(other.createSession(addModel()), { code: "ERR_ENGINE_CLOSED" });
    assert.throws(() => session.createBinding(), { code: "ERR_SESSION_CLOSED" });
    await assert.rejects(binding.run(), { code: "ERR_BINDING_CLOSED" });
    await (await Engine.default().createSession(addModel())).close();
  });

  test("worker threads use the same environment at the same time", async () => {
    const workers = [3, 4].map((value) => new Worker(new URL("./fixtures/worker-child.js", import.meta.url), { workerData: { value, runs: 200 } }));
    const sums = await Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))));
    assert.deepEqual(sums, [600, 800]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    await sleep(1);
    await (await engine.createSession(addModel())).close();
  });

  test("workers that are terminated inside of any call end nothing but themselves", async () => {
    const child = fileURLToPath(new URL("./fixtures/terminating-child.js", import.meta.url));
    // Node 20 itself aborts now and then where V8 compiles a function of a worker that has just ended, on another thread (ForIsolate, "Assertion failed: (data.first) != nullptr").
    const { stdout } = await promisify(execFile)(process.execPath, ["--no-concurrent-recompilation", child]);
    assert.equal(stdout, "whole\n");
  });

  test("arguments of a wrong kind are refused before they reach the addon", async () => {
    const wrong = async (model: unknown, options: object, words: RegExp) =>
      assert.rejects(
        engine.createSession(model as Uint8Array, options),
        (error: Error & { code?: string }) => error.code === "ERR_ARGUMENT" && words.test(error.message),
      );
    await wrong(undefined, {}, /model/);
    await wrong("model.onnx", {}, /bytes of an ONNX file/);
    await wrong(addModel(), { optimization: "max" }, /optimization is max: known: disabled, basic, extended, all/);
    await wrong(addModel(), { name: 5 }, /strings/);
    await assert.rejects(engine.createSession(new Uint8Array()), { code: "ERR_SESSION_CREATE" });
  });

  test("a session closes also while a loop runs it without a pause: the run in flight ends well, no other begins", async () => {
    const session = await engine.createSession(addModel());
    const binding = session.createBinding();
    binding.bindInput(0, new Float32Array(1), [1]);
    binding.bindInput(1, new Float32Array(1), [1]);
    binding.bindOutputDynamic(0);
    const loop = (async () => {
      for (;;) await binding.run();
    })();
    await Promise.all([session.close(), assert.rejects(loop, { code: "ERR_BINDING_CLOSED" })]);
    await session.close();
  });
});

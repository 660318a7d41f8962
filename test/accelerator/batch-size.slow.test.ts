// findExecutableBatchSize: which sizes are tried, what counts as too little memory, and that workers agree although memory runs out on one of them in the middle of a step.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { SizeSearch } from "../../src/accelerator/memory/batch-size.js";
import { isOutOfMemory } from "../../src/accelerator/memory/memory-errors.js";
import { AccelerateError, Accelerator, SGD, tensor } from "../../src/index.js";
import { Linear } from "../../src/nn/index.js";
import { EngineError } from "../../src/runtime/index.js";
import { inFolder } from "../checkpoint/fixtures.js";
import { launch } from "../support/launch.js";

/** What V8 throws when an array does not fit. */
const allocate = (): Float32Array => new Float32Array(2 ** 50);
const quiet = { onTry: () => {} };

describe("the sizes that are tried", () => {
  it("are Accelerate's with its reduction", async () => {
    const reduce = (n: number): number => Math.floor(n * 0.9);
    const tried: number[] = [];
    const accelerator = new Accelerator();
    const found = await accelerator.findExecutableBatchSize(
      (n) => {
        tried.push(n);
        if (n > 8) allocate();
        return n;
      },
      { ...quiet, reduce, startingBatchSize: 13 },
    );
    assert.equal(found, 8);
    assert.deepEqual(tried, [13, 11, 9, 8]);
    // The same from 128 on, without the collections of memory between tries.
    const sizes: number[] = [];
    for (const search = new SizeSearch(128, reduce); search.size >= 8; search.smaller()) sizes.push(search.size);
    assert.deepEqual(sizes, [128, 115, 103, 92, 82, 73, 65, 58, 52, 46, 41, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 9, 8]);
  });

  it("are halves for a body that says nothing, which runs to its end once", async () => {
    const [tried, ended, lines]: [number[], number[], string[]] = [[], [], []];
    const accelerator = new Accelerator();
    await accelerator.findExecutableBatchSize(
      async (n) => {
        tried.push(n);
        if (n > 50) allocate();
        ended.push(n);
      },
      { onTry: (line) => lines.push(line) },
    );
    assert.deepEqual([tried, ended], [[128, 64, 32], [32]]);
    assert.deepEqual(
      lines.map((line) => line.replace(/ \(.*/, "")),
      ["batch size 128 does not fit", "batch size 64 does not fit", "batch size 32 fits"],
    );
    assert.match(lines[0]!, /^batch size 128 does not fit \(rank 0 ran out of memory in try 1, at batch size 128: RangeError: /);
  });

  it("come near to the largest one by bisection, in a few tries, where the body tells that a step was made", async () => {
    const [tried, ended]: [number[], number[]] = [[], []];
    const accelerator = new Accelerator();
    const value = await accelerator.findExecutableBatchSize(async (n, fits) => {
      tried.push(n);
      if (n > 50) allocate();
      for (let step = 0; step < 3; step++) await fits();
      ended.push(n);
      return `with ${n}`;
    }, quiet);
    assert.deepEqual(tried, [128, 64, 32, 48, 56, 52, 50]);
    assert.deepEqual([ended, value], [[50], "with 50"]);
  });

  it("end at a size that fits, within a sixteenth of the largest that does, after a few tries", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (start, limit) => {
        const search = new SizeSearch(start);
        for (let tries = 1; ; tries++) {
          const { size } = search;
          assert.ok(size >= 1 && size <= start && tries <= 2 * Math.log2(start) + 6);
          if (size > limit) search.smaller();
          else if (search.settled) {
            const best = Math.min(start, limit);
            assert.ok(best - size <= Math.max(1, best / 16), `${size} of ${best}`);
            return;
          } else search.larger();
        }
      }),
    );
  });

  it("go on below a size that fitted for a step and not for a run", async () => {
    const tried: number[] = [];
    const found = await new Accelerator().findExecutableBatchSize(
      async (n, fits) => {
        tried.push(n);
        await fits();
        if (n > 10) allocate();
        return n;
      },
      { ...quiet, startingBatchSize: 16 },
    );
    assert.ok(found <= 10 && found > 8, `${found}`);
    assert.equal(tried[0], 16);
  });

  it("are at an end at zero", async () => {
    const none = new Accelerator().findExecutableBatchSize(allocate, quiet);
    await assert.rejects(none, (error: AccelerateError) => {
      assert.equal(error.message, "No executable batch size found, reached zero.");
      assert.equal(error.code, "ERR_NO_BATCH_SIZE");
      assert.ok(error.cause instanceof RangeError);
      return true;
    });
    const reduced = new Accelerator().findExecutableBatchSize(allocate, { ...quiet, reduce: () => 0 });
    await assert.rejects(reduced, /No executable batch size found, reached zero\./);
  });

  it("pass on errors of other kinds, and refuse sizes that are none", async () => {
    const accelerator = new Accelerator();
    const fail = () => Promise.reject(new RangeError("not about that"));
    await assert.rejects(accelerator.findExecutableBatchSize(fail, quiet), /not about that/);
    for (const startingBatchSize of [0, 1.5, Number.NaN])
      await assert.rejects(
        accelerator.findExecutableBatchSize(() => 1, { startingBatchSize }),
        /startingBatchSize is/,
      );
    await assert.rejects(accelerator.findExecutableBatchSize(allocate, { ...quiet, reduce: (n) => n }), /reduce\(128\) is 128: it must return a smaller/);
  });
});

describe("a search that is over", () => {
  it("counts the optimizer steps of the last try, and none of those that failed or made room for a larger size", () =>
    inFolder(async (folder) => {
      await using accelerator = new Accelerator();
      const train = async (steps: number, fits = async (): Promise<void> => {}): Promise<void> => {
        const model = new Linear(1, 1);
        const optimizer = new SGD(model.parameters(), { lr: 0.1 });
        await accelerator.prepare(model, optimizer);
        for (let step = 0; step < steps; step++) {
          await accelerator.backward(model(tensor([[1]])).mean());
          await optimizer.step();
          optimizer.zeroGrad();
          await fits();
        }
      };
      await train(2);
      const tried: number[] = [];
      await accelerator.findExecutableBatchSize(
        async (n, fits) => {
          tried.push(n);
          if (n > 5) await train(4).then(allocate);
          await train(3, fits);
        },
        { ...quiet, startingBatchSize: 8 },
      );
      assert.deepEqual(tried, [8, 4, 6, 5]);
      await accelerator.saveState(join(folder, "saved"));
      assert.equal(JSON.parse(await readFile(join(folder, "saved", "state.json"), "utf8")).optimizerSteps, 2 + 3);
    }));
});

describe("too little memory", () => {
  it("is what V8, the system, the addon and ONNX Runtime say of it, also as a cause", () => {
    const caught = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    const errors = [
      caught(allocate),
      caught(() => new ArrayBuffer(2 ** 52)),
      caught(() => new ArrayBuffer(2 ** 53 - 1)),
      new EngineError("ERR_ARENA_MEMORY", "no memory for an arena"),
      new AccelerateError("ERR_SHARED_MEMORY", "1 bytes of shared memory: Cannot allocate memory"),
      new EngineError("ERR_RUN", "std::bad_alloc"),
      new EngineError("ERR_RUN", "model: operator Gemm: Failed to allocate memory for requested buffer of size 123"),
      new EngineError("ERR_RUN", "CUDA failure 2: out of memory"),
      new Error("the step failed", { cause: caught(allocate) }),
      Object.assign(new Error("mmap"), { code: "ENOMEM" }),
    ];
    for (const error of errors) assert.equal(isOutOfMemory(error), true, String(error));
    for (const error of [new RangeError("Maximum call stack size exceeded"), new TypeError("x"), "out of memory", undefined])
      assert.equal(isOutOfMemory(error), false, String(error));
  });
});

describe("workers agree on a batch size", () => {
  for (const n of [2, 3])
    it(`on ${n} of them, training anew with every size`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(n)], script: new URL("./programs/batch-size.js", import.meta.url) });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  it("and where none fits go on without it: what ends the run later has its own cause, and no try's", async () => {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script: new URL("./programs/no-batch-size.js", import.meta.url) });
    assert.equal(code, 7, stdout + stderr);
    assert.match(stdout, /went on/);
    assert.doesNotMatch(stderr, /in try/);
  });
});

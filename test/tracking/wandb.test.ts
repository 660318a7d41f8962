// The run file of W&B, read by a decoder of our own. W&B's own reader has read such a file when the writer was made.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { WandbTracker } from "../../src/tracking/index.js";
import { context, type Fields, int, message, string, temporary } from "./support.js";
import { items, records } from "./wandb-file.js";

/** Field numbers of Record. */
const kind = (of: Fields): number => [...of.keys()].find((number) => number !== 1)!;

test("an offline run holds header, run, configuration, history, summary and exit", async () => {
  await using directory = await temporary();
  const warned: string[] = [];
  const tracker = new WandbTracker(
    context(directory.path, "spam", (text) => warned.push(text)),
    { mode: "offline", id: "abc12345", name: "first", entity: "me", tags: ["a", "b"], group: "g" },
  );
  assert.match(tracker.path, /\/wandb\/offline-run-\d{8}_\d{6}-abc12345\/run-abc12345\.wandb$/);
  await tracker.start();
  await tracker.storeInitConfiguration({ learningRate: 1e-3, model: { layers: [1, 2] } });
  await tracker.log({ train: { loss: 0.5 }, nan: Number.NaN }, { step: 3, wallTime: 1.5 });
  // Goes over several blocks.
  await tracker.log({ long: "x".repeat(100_000) }, { step: 2 });
  await tracker.finish({ status: "failed" });

  const all = records(await readFile(tracker.path));
  assert.deepEqual(all.map(kind), [21, 17, 5, 2, 2, 3, 18, 20, 22]);
  assert.deepEqual(
    all.map((of) => int(of, 1)),
    all.map((_, i) => i + 1),
  );
  const run = message(all[1]!, 17);
  assert.deepEqual(
    [1, 2, 3, 6, 8].map((number) => string(run, number)),
    ["abc12345", "me", "spam", "g", "first"],
  );
  assert.deepEqual(run.get(10)!.map(String), ["a", "b"]);
  assert.deepEqual(items(message(all[2]!, 5)), { learningRate: 1e-3, model: { layers: [1, 2] } });
  const { _runtime, ...history } = items(message(all[3]!, 2));
  assert.deepEqual(history, { "train/loss": 0.5, nan: Number.NaN, _step: 3, _timestamp: 1.5 });
  assert.equal(typeof _runtime, "number");
  assert.equal(int(message(message(all[3]!, 2), 2), 1), 3);
  assert.equal((items(message(all[4]!, 2)).long as string).length, 100_000);
  assert.equal(items(message(all[5]!, 3))["train/loss"], 0.5);
  assert.equal(int(message(all[6]!, 18), 1), 1, "exit code");
  assert.match(warned.join(), /steps went back/);
});

test("records that end just before a block's end are followed by zeros", async () => {
  for (const size of [32_400, 32_402, 32_404, 32_406, 32_408, 32_410, 32_412]) {
    await using directory = await temporary();
    const tracker = new WandbTracker(context(directory.path), { mode: "offline", id: "x" });
    await tracker.start();
    for (let step = 0; step < 3; step++) await tracker.log({ a: "y".repeat(size + step) }, { step, wallTime: 1 });
    await tracker.finish();
    const lengths = records(await readFile(tracker.path))
      .filter((of) => kind(of) === 2)
      .map((of) => (items(message(of, 2)).a as string).length);
    assert.deepEqual(lengths, [size, size + 1, size + 2]);
  }
});

test("an id that is no file name is refused", () => {
  assert.throws(() => new WandbTracker(context("/tmp"), { mode: "offline", id: "../x" }), { code: "ERR_ARGUMENT", message: /id of the W&B run/ });
});

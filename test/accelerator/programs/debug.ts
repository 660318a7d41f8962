// Debug mode: each case differs between rank 0 and the others in one way; all are told of it, with what every process does, and all go on afterwards.
import assert from "node:assert/strict";
import { type AccelerateError, Accelerator, tensor, zeros } from "accelerate-ts";

await using accelerator = new Accelerator({ debug: true });
const { processIndex: rank, numProcesses: world } = accelerator;
const first = rank === 0;

/** Every rank is told the same. */
async function differs(call: Promise<unknown>, code: string, parts: readonly RegExp[]): Promise<void> {
  const error = await call.then(
    () => assert.fail("a difference was not seen"),
    (reason: AccelerateError) => reason,
  );
  assert.equal(error.code, code, error.message);
  for (const part of parts) assert.match(error.message, part);
  const lines = error.message.split("\n").slice(1);
  assert.equal(lines.length, world);
  for (const [i, line] of lines.entries()) assert.ok(line.startsWith(`  process ${i}: `), line);
  for (const other of await accelerator.gatherObject([error.message])) assert.equal(other, error.message);
}

if (world > 1) {
  // Accelerate's own cases: [1, 5] against [1, 1, 6] and against [1, 2, 5].
  for (const shape of [
    [1, 1, 6],
    [1, 2, 5],
  ])
    for (const op of ["gather", "reduce", "padAcrossProcesses"] as const)
      await differs(accelerator[op](zeros(first ? [1, 5] : shape)), "ERR_SHAPE", [
        /^debug mode: the shapes differ between processes\n/,
        new RegExp(`process 0: ${op}.*, float32 \\[1, 5\\] \\(call \\d+, .*debug\\.[jt]s:\\d+:\\d+\\)`),
        new RegExp(`process 1: ${op}.*, float32 \\[${shape.join(", ")}\\] \\(call`),
      ]);
  await assert.rejects(accelerator.broadcast(zeros(first ? [1, 5] : [1, 1, 6])), /rank 0 gives float32 \[1, 5\], rank 1 has float32 \[1, 1, 6\]/);
  await differs(accelerator.gather(tensor([1], { dtype: first ? "int64" : "float32" })), "ERR_DTYPE", [
    /the dtypes differ/,
    /process 0: gather, int64 \[1\]/,
    /process 1: gather, float32 \[1\]/,
  ]);
  await differs(accelerator.gather(first ? { a: tensor(1) } : ({ b: tensor(1) } as never)), "ERR_CALLS_DIFFER", [
    /the structures differ/,
    /process 0: gather, \{ a: float32 \[\] \}/,
    /process 1: gather, \{ b: float32 \[\] \}/,
  ]);
  await differs(accelerator.reduce(tensor(1), first ? "sum" : "mean"), "ERR_CALLS_DIFFER", [
    /the arguments differ/,
    /process 0: reduce, sum, float32/,
    /process 1: reduce, mean, float32/,
  ]);
  await differs(accelerator.broadcastObject(1, first ? 0 : 1), "ERR_CALLS_DIFFER", [/the arguments differ/, /broadcastObject, from process 1/]);
  await differs(first ? accelerator.gather(tensor(1)) : accelerator.waitForEveryone(), "ERR_CALLS_DIFFER", [
    /the operations differ/,
    /process 0: gather, float32 \[\] \(call \d+, /,
    /process 1: waitForEveryone \(call \d+, /,
  ]);
  await differs(first ? accelerator.checkTrigger() : accelerator.mainProcessFirst(() => 1), "ERR_CALLS_DIFFER", [
    /process 0: checkTrigger/,
    /process 1: mainProcessFirst/,
  ]);
}
// What may differ, may: first dims of gather, the padded dim, values that only the root gives.
const all = await accelerator.gather(zeros([rank + 1, 2]));
assert.equal(all.shape[0], (world * (world + 1)) / 2);
assert.deepEqual((await accelerator.padAcrossProcesses(zeros([2, rank + 1]), { dim: -1 })).shape, [2, world]);
assert.equal(await (await accelerator.broadcast(first ? tensor(7) : undefined)).item(), 7);
assert.equal(await accelerator.broadcastObject(first ? "x" : undefined), "x");
assert.equal(await accelerator.localMainProcessFirst(() => rank), rank);
// A rank that made a call more is found by its count.
if (first) await assert.rejects(accelerator.gather("x" as never));
if (world > 1) await assert.rejects(accelerator.waitForEveryone(), /the numbers of calls made differ/);
accelerator.print("ok");

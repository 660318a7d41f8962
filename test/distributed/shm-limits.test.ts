// Groups over shared memory at their edges: calls of two groups in different orders, deadlines of processes that were stopped, sizes beyond what there can be.
import assert from "node:assert/strict";
import { constants } from "node:buffer";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SingleGroup } from "../../src/distributed/single-group.js";
import { loadNative } from "../../src/native/binding.js";
import { Ranks } from "../support/ranks.js";

const tasks = new URL("./shm-limits-tasks.js", import.meta.url);
const skip = process.platform === "linux" ? false : "shared memory groups need Linux";

describe("a group over shared memory", { skip }, () => {
  let ranks: Ranks;
  let names = 0;
  const args = () => ({ name: `limits/${++names}` });
  before(async () => {
    ranks = await Ranks.start(2);
  });
  after(() => ranks[Symbol.asyncDispose]());

  it("does not wait for the calls of another group: ranks may begin with different ones", async () => {
    assert.deepEqual(await ranks.values(tasks, "crossed", args()), [
      [2, 20],
      [2, 20],
    ]);
  });

  it("waits for ever when told to, without a warning", async () => {
    assert.deepEqual(await ranks.values(tasks, "forever", args()), [[], []]);
  });

  it("does not count the time in which its processes were stopped", async () => {
    const waiting = ranks.heard("waiting", [0, 1]);
    const done = ranks.values(tasks, "stopped", args());
    await waiting;
    for (const rank of [0, 1]) ranks.kill(rank, "SIGSTOP");
    await sleep(3500);
    for (const rank of [0, 1]) ranks.kill(rank, "SIGCONT");
    await done;
  });

  it("refuses resizable buffers and more bytes than Node can hold, and goes on", async () => {
    for (const [size, resizable] of await ranks.values<string[]>(tasks, "refused", args())) {
      assert.match(size!, /^ArgumentError: \d+ bytes of shared memory: give a whole number of bytes, \d+ at most/);
      assert.match(resizable!, /^ArgumentError: data lies in a resizable ArrayBuffer/);
    }
  });

  it("gives up all its waits for the store when one of them fails", async () => {
    const outcomes = await ranks.run<{ message: string; given: string[] }>(tasks, "brokenStore", args(), { ranks: [0] });
    const outcome = outcomes[0]!;
    assert.ok(outcome.kind === "value");
    assert.equal(outcome.value.message, "TypeError: the store is broken");
    assert.deepEqual(outcome.value.given, [`limits/${names}/joined/1`]);
  });
});

describe("memory that Node cannot hold in one piece", () => {
  it("is an error of the arena", { skip: constants.MAX_LENGTH > 2 ** 40 && "this Node holds any size" }, () => {
    assert.throws(() => loadNative().allocate(2 ** 36), { code: "ERR_ARENA_MEMORY" });
  });
  it("is an error of a group of one", async () => {
    await assert.rejects(new SingleGroup().allocate(constants.MAX_LENGTH + 1), { code: "ERR_ARGUMENT" });
  });
});

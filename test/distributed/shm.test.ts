// What is particular to shared memory: how ranks find it, what is left of it, and what waiting costs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Outcome, Ranks, type RanksOptions } from "../support/ranks.js";
import { promised } from "../support/timing.js";

const tasks = new URL("./shm-tasks.js", import.meta.url);
const endings = new URL("./shm-ending-tasks.js", import.meta.url);
const skip = process.platform === "linux" ? false : "shared memory groups need Linux";

/** A program that must work for a test to make sense. */
function lacking(program: string, ...args: readonly string[]): string | false {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return false;
  } catch {
    return `${program} ${args.join(" ")} does not work here`;
  }
}

function value<T>(outcome: Outcome<T> | undefined): T {
  if (outcome?.kind === "value") return outcome.value;
  throw new Error(outcome?.kind === "error" ? outcome.error.stack : "a rank ended");
}

describe("shared memory of a group", { skip }, () => {
  let names = 0;
  const name = () => `shm/${++names}`;
  const pools = new Map<number, Ranks>();
  const pool = async (size: number): Promise<Ranks> => {
    const ranks = pools.get(size) ?? (await Ranks.start(size));
    pools.set(size, ranks);
    return ranks;
  };
  const alone = (size: number, options: RanksOptions) => Ranks.start(size, options);
  after(async () => {
    for (const ranks of pools.values()) await ranks[Symbol.asyncDispose]();
  });

  it("is seen by all ranks, zeroed, of any size, and gone with its last user", async () => {
    await (await pool(3)).values(tasks, "memory", { name: name() });
    // Memory without a name: nothing of ours can be left where other programs have theirs (as the doubles of GPUs in other tests do).
    const ours = (file: string): boolean => file.includes("accelerate") && !file.startsWith("accelerate-ts-double-");
    assert.deepEqual(existsSync("/dev/shm") ? readdirSync("/dev/shm").filter(ours) : [], []);
  });

  it("that does not exist is the same error on every rank, and the group goes on", async () => {
    const messages = await (await pool(2)).values<string>(tasks, "tooMuch", { name: name() });
    assert.match(messages[0]!, /^rank 0 has no memory to share: \d+ bytes of shared memory: only \d+ are available$/);
    assert.equal(messages[1], messages[0]);
  });

  it("of different sizes is a mismatch", async () => {
    const messages = await (await pool(2)).values<string>(tasks, "differentSizes", { name: name() });
    assert.equal(messages[0], "rank 0: shared memory 1 uint8 [100]; rank 1: shared memory 1 uint8 [200]: the ranks have taken different paths (a.ts:1:1)");
    assert.equal(messages[1], messages[0]);
  });

  it("that one rank cannot open is an error on every rank that names it", async () => {
    await using ranks = await alone(2, { prefix: (rank) => (rank === 1 ? ["sh", "-c", 'ulimit -n 60; exec "$@"', "sh"] : []) });
    for (const message of await ranks.values<string>(tasks, "noDescriptors", { name: name() }))
      assert.match(message, /^rank 1 has no memory to share: .*(Too many open files)/);
  });

  for (const [change, pattern] of [
    ["pid", /\/proc\/1999999999\/fd\/\d+ cannot be opened \(No such file or directory\)/],
    ["nonce", /belongs to another group/],
    ["inode", /is not the memory of this group/],
    ["text", /cannot be read/],
  ] as const)
    it(`with a wrong ${change} is refused on every rank, with the reason`, async () => {
      for (const message of await (await pool(3)).values<string>(tasks, "tampered", { name: name(), change })) {
        assert.match(message, /^ERR_SHARED_MEMORY: rank 1 has no memory in common with the other ranks of its host: /);
        assert.match(message, pattern);
        assert.match(message, /do all processes run in one container/);
      }
    });

  it("cannot cross containers, and says so", { skip: lacking("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "true") }, async () => {
    await using ranks = await alone(2, { prefix: (rank) => (rank === 1 ? ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] : []) });
    for (const message of await ranks.values<string>(tasks, "joinFails", { name: name(), timeoutMs: 60_000 }))
      assert.match(message, /^ERR_SHARED_MEMORY: rank 1 has no memory in common/);
  });

  it("cannot cross containers that see one another's processes, and says so", {
    skip: lacking("unshare", "--pid", "--fork", "--kill-child", "true"),
  }, async () => {
    await using ranks = await alone(2, { prefix: (rank) => (rank === 1 ? ["unshare", "--pid", "--fork", "--kill-child"] : []) });
    for (const message of await ranks.values<string>(tasks, "joinFails", { name: name(), timeoutMs: 60_000 }))
      assert.match(message, /^ERR_SHARED_MEMORY: rank 1 .*(PID namespaces)/);
  });

  it("waits for a rank that does not join, and names it", async () => {
    const ranks = await pool(3);
    const outcomes = await ranks.run<string>(tasks, "joinFails", { name: name(), timeoutMs: 1500 }, { ranks: [0, 1] });
    for (const outcome of outcomes) assert.match(value(outcome), /^ERR_COLLECTIVE_TIMEOUT: rank 2 has not joined the group shm\/\d+ within 1500 ms$/);
    const [alone] = await ranks.run<string>(tasks, "joinFails", { name: name(), timeoutMs: 100 }, { ranks: [2] });
    assert.match(value(alone), /^ERR_COLLECTIVE_TIMEOUT: rank 0 has not joined the group/);
  });
});

describe("ranks over shared memory", { skip }, () => {
  it("move on one core, and hardly use it while they wait", { skip: lacking("taskset", "-c", "0", "true") }, async () => {
    await using ranks = await Ranks.start(3, { prefix: () => ["taskset", "-c", "0"] });
    for (const [rank, { ms, waitedCpuMs }] of (
      await ranks.values<{ ms: number; waitedCpuMs: number }>(tasks, "crowded", { name: "crowded", calls: 300 })
    ).entries()) {
      promised(ms, 4);
      if (rank > 0) assert.ok(waitedCpuMs < 150, `${waitedCpuMs} ms of CPU in a wait of 500 ms`);
    }
  });

  it("keep NaN, denormals, infinities and signs", async () => {
    await using ranks = await Ranks.start(2);
    await ranks.values(tasks, "oddNumbers", { name: "odd" });
  });

  it("make objects and other calls in the order of the program, awaited or not", async () => {
    await using ranks = await Ranks.start(3);
    await ranks.values(tasks, "interleaved", { name: "interleaved" });
  });

  it("show where in the user's program they are", async () => {
    await using ranks = await Ranks.start(2);
    assert.match((await ranks.values<string>(tasks, "sites", { name: "sites" }))[0]!, /^test\/distributed\/shm-tasks\.ts:\d+:\d+$/);
  });

  for (const how of ["exit", "close"] as const)
    it(`leave by ${how} with a call of their own pending, and the others hear of it`, async () => {
      await using ranks = await Ranks.start(2);
      const [first] = await ranks.run<string>(endings, "endsWhileWaiting", { name: "ends", how });
      const why = how === "exit" ? "its script ended" : "it closed the group";
      assert.match(
        value(first),
        new RegExp(`^ERR_PEER_LOST: .*rank 1 has left the group \\(${why}\\) while rank 0 waits in all-reduce 1 \\(float32 \\[100000\\]\\) at train\\.ts:5:1$`),
      );
    });

  it("in a thread that is terminated are missed", async () => {
    await using ranks = await Ranks.start(2);
    const [first] = await ranks.run<string>(endings, "thread", { name: "thread", module: endings.href, folder: join(ranks.folder, "store") });
    assert.match(
      value(first),
      /^ERR_PEER_LOST: rank 1 has left the group \(its thread ended\) while rank 0 waits in all-reduce 2 \(float32 \[100000\]\) at train\.ts:5:1$/,
    );
  });

  it("that are killed are missed before the system has taken their memory apart", async () => {
    await using ranks = await Ranks.start(2);
    const waiting = ranks.heard("waiting", [0, 1]);
    const running = ranks.run<{ message: string; at: number }>(endings, "heavy", { name: "heavy", bytes: 2 ** 30 });
    await waiting;
    await sleep(100);
    const killed = Date.now();
    ranks.kill(1, "SIGKILL");
    const { message, at } = value((await running)[0]);
    assert.match(message, /^ERR_PEER_LOST: rank 1 was lost \(its process \d+ has ended\) while rank 0 waits in barrier 2 at /);
    promised(at - killed, 100);
  });
});

// Ranks killed and stopped at random moments, over and over: every survivor names the right one, in time.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "node:test";
import { Ranks } from "../support/ranks.js";
import type { FaultReport } from "./failure-tasks.js";
import { random } from "./numbers.js";

const tasks = new URL("./failure-tasks.js", import.meta.url);
const backend = new URL("./shm-backend.js", import.meta.url).href;
const seed = Date.now() % 1_000_000;
const rounds = 40;
/** A machine that is busy otherwise may hold up a rank: of all rounds. */
const lateAllowed = 2;

describe(`random deaths of ranks over shared memory (seed ${seed})`, { skip: process.platform === "linux" ? false : "shared memory groups need Linux" }, () => {
  it(`${rounds} times`, async () => {
    const next = random(seed);
    const below = (limit: number) => next() % limit;
    let late = 0;
    for (let round = 0; round < rounds; round++) {
      const size = 2 + below(3);
      const victim = below(size);
      const stop = below(4) === 0;
      const count = [1, 3000, 200_000, 2_000_000][below(4)]!;
      const what = `round ${round}: ${stop ? "stop" : "kill"} rank ${victim} of ${size}, ${count} values`;
      await using ranks = await Ranks.start(size);
      const busy = ranks.heard("busy", [...Array(size).keys()]);
      const survivors = [...Array(size).keys()].filter((rank) => rank !== victim);
      const failed = ranks.heard("failed", survivors);
      const group = { name: `chaos/${round}`, timeoutMs: 20_000 };
      const running = ranks.run<FaultReport>(tasks, "busy", { backend, exact: true, group, count, ...(stop && { timeoutMs: 400 }) });
      await busy;
      await sleep(below(60));
      const hit = Date.now();
      ranks.kill(victim, stop ? "SIGSTOP" : "SIGKILL");
      await failed;
      if (stop) ranks.kill(victim, "SIGCONT");
      const outcomes = await running;
      for (const rank of survivors) {
        const outcome = outcomes[rank]!;
        assert.ok(outcome.kind === "value", `${what}: ${JSON.stringify(outcome)}`);
        const { code, message, ranks: causes, at } = outcome.value;
        assert.equal(code, stop ? "ERR_COLLECTIVE_TIMEOUT" : "ERR_PEER_LOST", `${what}: ${message}`);
        assert.deepEqual(causes, [victim], `${what}: ${message}`);
        if (!stop && at - hit > 100) late++;
      }
    }
    assert.ok(late <= lateAllowed, `${late} survivors heard of it late`);
  });
});

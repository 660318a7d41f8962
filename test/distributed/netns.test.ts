// Groups between two hosts, which are network namespaces of this machine.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { glooPath } from "../../src/distributed/gloo/native-gloo.js";
import { Hosts, netnsMissing } from "../support/netns.js";
import { type Outcome, Ranks } from "../support/ranks.js";
import { promised } from "../support/timing.js";
import type { Ended, Placement } from "./netns-tasks.js";

const tasks = new URL("./netns-tasks.js", import.meta.url);
const skip = existsSync(glooPath()) ? netnsMissing() : "gloo is not installed (apt-get install libgloo-dev, then build-native)";

describe("two hosts", { skip }, () => {
  let hosts: Hosts;
  let groups = 0;
  before(() => {
    hosts = new Hosts();
  });
  after(() => hosts?.[Symbol.dispose]());

  const start = (hostOfRank: readonly number[]) => Ranks.start(hostOfRank.length, { prefix: (rank) => hosts.prefix(hostOfRank[rank]!) });
  const place = (hostOfRank: readonly number[]): Placement => ({ name: `netns/${groups++}`, addresses: hosts.addresses, hostOfRank });
  const ended = (outcome: Outcome<Ended> | undefined): Ended => {
    if (outcome?.kind === "value") return outcome.value;
    throw new Error(outcome?.kind === "error" ? outcome.error.stack : "a rank ended");
  };

  it("an all-reduce over gloo equals that through shared memory within rounding, and is the same on all ranks", async () => {
    await using ranks = await start([0, 1]);
    const hashes = await ranks.values<string[]>(tasks, "alike", place([0, 1]));
    assert.deepEqual(hashes[0], hashes[1]);
  });

  it("a world of uneven hosts: memory within, gloo between", async () => {
    const hostOfRank = [0, 1, 0];
    await using ranks = await start(hostOfRank);
    const seen = await ranks.values<{ backends: string[]; hash: string }>(tasks, "whole", place(hostOfRank));
    assert.deepEqual(
      seen.map(({ backends }) => backends),
      [
        ["shm+gloo", "shm", "gloo"],
        ["shm+gloo", "single", "gloo"],
        ["shm+gloo", "shm", undefined],
      ],
    );
    assert.equal(new Set(seen.map(({ hash }) => hash)).size, 1);
  });

  it("a rank that is killed is named on the other host", async () => {
    for (const [hostOfRank, world, victim] of [
      [[0, 1], false, 1],
      [[0, 0, 1, 1], true, 1],
      [[0, 0, 1, 1], true, 2],
    ] as const) {
      await using ranks = await start(hostOfRank);
      const going = ranks.heard("going", [...hostOfRank.keys()]);
      const running = ranks.run<Ended>(tasks, "untilItEnds", { ...place(hostOfRank), count: 300_000, world });
      await going;
      await sleep(100);
      const killed = Date.now();
      ranks.kill(victim, "SIGKILL");
      const outcomes = await running;
      for (const outcome of outcomes.filter((_, rank) => rank !== victim)) {
        const { code, ranks: culprits, at, message } = ended(outcome);
        assert.equal(code, "ERR_PEER_LOST", message);
        assert.deepEqual(culprits, [victim], message);
        promised(at - killed, 500);
      }
    }
  });

  it("a rank that is killed is named to ranks that wait in other groups of the world", async () => {
    const hostOfRank = [0, 0, 1, 1];
    await using ranks = await start(hostOfRank);
    const going = ranks.heard("going", [0, 1, 2, 3]);
    const running = ranks.run<Ended>(tasks, "apart", place(hostOfRank));
    await going;
    await sleep(100);
    const killed = Date.now();
    ranks.kill(3, "SIGKILL");
    for (const outcome of (await running).slice(0, 3)) {
      const { code, ranks: culprits, at, message } = ended(outcome);
      assert.equal(code, "ERR_PEER_LOST", message);
      assert.deepEqual(culprits, [3], message);
      promised(at - killed, 500);
    }
  });

  it("a host that is cut off is noticed without a word from anybody, at rest and in the middle of a transfer; an abort ends the wait before", async () => {
    await using idle = await start([0, 1]);
    await using busy = await start([0, 1]);
    await using aborted = await start([0, 0, 1]);
    using others = new Hosts();
    await using oneWay = await Ranks.start(2, { prefix: (rank) => others.prefix(rank) });
    const going = [idle.heard("going", [0, 1]), busy.heard("going", [0, 1]), aborted.heard("going", [0, 1, 2]), oneWay.heard("going", [0, 1])];
    const waits = [
      idle.run<Ended>(tasks, "untilItEnds", { ...place([0, 1]), count: 0, idle: 1 }),
      busy.run<Ended>(tasks, "untilItEnds", { ...place([0, 1]), count: 3_000_000 }),
      aborted.run<Ended>(tasks, "untilItEnds", { ...place([0, 0, 1]), count: 50_000, world: true, abortAfterMs: 1500 }),
      oneWay.run<Ended>(tasks, "untilItEnds", { ...place([0, 1]), count: 100_000 }),
    ] as const;
    await Promise.all(going);
    await sleep(200);
    const cut = Date.now();
    hosts.cable(false);
    others.firewall(1, true);
    try {
      const [atRest, inTransfer, told, deaf] = await Promise.all(waits);
      for (const { code, message, ranks, at } of [ended(atRest[0]), ended(inTransfer[0]), ended(deaf[0])]) {
        assert.equal(code, "ERR_PEER_LOST", message);
        assert.deepEqual(ranks, [1], message);
        assert.ok(at - cut > 2000, `after ${at - cut} ms: ${message}`);
        promised(at - cut, 8500);
      }
      assert.deepEqual(ended(inTransfer[1]).ranks, [0]);
      for (const outcome of told) {
        const { message, at } = ended(outcome);
        assert.match(message, /the launcher says so/);
        promised(at - cut, 2500);
      }
    } finally {
      hosts.cable(true);
    }
  });
});

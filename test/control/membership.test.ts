// Ranks for hosts, and the refusal of contradictions by name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { type Expected, type Member, Membership, type Plan } from "../../src/control/membership.js";
import type { JoinRequest, KnownWorker } from "../../src/control/messages.js";

let made = 0;
function member(request: Partial<JoinRequest>, peer = "10.0.0.9"): Member {
  const id = `member-${++made}`;
  return { id, peer, request: { protocol: 1, member: id, hostName: `host${made}`, addresses: ["10.0.0.1"], localWorkers: 1, ...request } };
}
function join(expected: Expected, ...requests: Partial<JoinRequest>[]): Plan {
  const membership = new Membership(expected);
  for (const request of requests) membership.add(member(request));
  assert.ok(membership.complete);
  return membership.plan();
}
const ranks = (plan: Plan): Record<string, readonly number[]> => Object.fromEntries(plan.hosts.map((h) => [h.name, h.ranks]));
const worker = (rank: number, more: Partial<KnownWorker> = {}, hostName = "a"): Partial<JoinRequest> => ({
  hostName,
  known: { rank, worldSize: 4, localRank: rank % 2, localWorldSize: 2, hostId: hostName, ...more },
});

test("hosts without a wish are numbered in the order of arrival, uneven ones included", () => {
  const plan = join({ hosts: 3, processes: 7 }, { hostName: "a", localWorkers: 4 }, { hostName: "b", localWorkers: 1 }, { hostName: "c", localWorkers: 2 });
  assert.deepEqual(ranks(plan), { a: [0, 1, 2, 3], b: [4], c: [5, 6] });
  assert.equal(plan.worldSize, 7);
});

test("wished numbers count before arrival", () => {
  const plan = join({ hosts: 3 }, { hostName: "late", hostRank: 2 }, { hostName: "any" }, { hostName: "first", hostRank: 0 });
  assert.deepEqual(ranks(plan), { first: [0], any: [1], late: [2] });
});

test("ranks are 0 .. N-1 without gaps, whatever hosts arrive in whatever order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ localWorkers: fc.integer({ min: 1, max: 9 }), wish: fc.boolean() }), { minLength: 1, maxLength: 9 }),
      fc.nat(),
      (hosts, seed) => {
        const requests = hosts.map(({ localWorkers, wish }, i) => ({ localWorkers, hostName: `h${i}`, hostRank: wish ? i : undefined }));
        const shuffled = requests.map((r, i) => [((i + 1) * (seed + 7)) % 11, r] as const).sort((x, y) => x[0] - y[0]);
        const plan = join({ hosts: hosts.length }, ...shuffled.map(([, r]) => r));
        const total = hosts.reduce((n, h) => n + h.localWorkers, 0);
        assert.deepEqual(
          plan.hosts.flatMap((h) => h.ranks),
          Array.from({ length: total }, (_, i) => i),
        );
        for (const [i, { wish }] of hosts.entries()) if (wish) assert.equal(plan.hosts[i]!.name, `h${i}`);
      },
    ),
  );
});

test("contradictions are refused with the names of who contradicts whom", () => {
  const cases: readonly (readonly [Expected, readonly Partial<JoinRequest>[], RegExp])[] = [
    [
      { hosts: 2 },
      [
        { hostName: "a", hostRank: 1 },
        { hostName: "b", hostRank: 1 },
      ],
      /b and a both want to be host 1: give each host its own --machine-rank/,
    ],
    [{ hosts: 2 }, [{ hostName: "a", hostRank: 2 }], /a wants to be host 2 of 2: --machine-rank goes from 0 to 1/],
    [{ hosts: 2 }, [{ hostName: "a", hosts: 3 }], /a was told of 3 hosts, the coordinator of 2/],
    [{ hosts: 2, processes: 4 }, [{ hostName: "a", processes: 8 }], /a was told of 8 workers in all, the coordinator of 4/],
    [{ hosts: 1 }, [{ hostName: "a" }, { hostName: "b" }], /b wants to join, but all 1 host are there already \(a\)/],
    [
      { hosts: 2, processes: 4 },
      [
        { hostName: "a", localWorkers: 2 },
        { hostName: "b", localWorkers: 1 },
      ],
      /4 workers were asked for, the hosts bring 3 \(a: 2, b: 1\)/,
    ],
    [{ hosts: 2 }, [{ hostName: "a", localWorkers: 0 }], /a says that it has 0 workers/],
    [{ hosts: 2 }, [{ hostName: "a", protocol: 7 }], /a speaks version 7 of the control protocol, the coordinator 1/],
    [{ hosts: 4 }, [worker(0), { hostName: "b" }], /b was started by accelerate-ts launch, rank 0 on a by another launcher/],
    [{ hosts: 4 }, [{ hostName: "b" }, worker(0)], /rank 0 on a was started by another launcher, b by accelerate-ts launch/],
    [{ hosts: 4 }, [worker(0), worker(0, { localRank: 1 }, "b")], /two workers with rank 0, on a and on b/],
    [{ hosts: 4 }, [worker(3, { worldSize: 8 })], /rank 3 on a says that there are 8 workers, the coordinator was told 4/],
    [{ hosts: 4 }, [worker(4)], /rank 4 on a is beyond the 4 workers/],
    [{ hosts: 4 }, [worker(0, { localRank: 2 })], /rank 0 on a says that it is local rank 2 of 2/],
    [{ hosts: 4 }, [worker(0), worker(2)], /rank 2 on a and rank 0 both say that they are local rank 0 of the same host/],
  ];
  for (const [expected, requests, message] of cases) {
    const membership = new Membership(expected);
    const members = requests.map((r) => member(r));
    for (const m of members.slice(0, -1)) membership.add(m);
    assert.throws(() => membership.add(members.at(-1)!), { code: "ERR_LAUNCH_MISMATCH", message }, String(message));
    assert.ok(!membership.member(members.at(-1)!.id), "a refused host takes no place");
  }
});

test("an agent that asks again is the same agent", () => {
  const membership = new Membership({ hosts: 2 });
  const a = member({ hostName: "a", hostRank: 0 });
  membership.add(a);
  membership.add(a);
  assert.deepEqual(membership.names, ["a"]);
  assert.equal(membership.missing, "host 1");
});

test("workers of another launcher keep their ranks; those share a host that launcher and kernel say do", () => {
  const plan = join({ hosts: 4 }, worker(3, {}, "b"), worker(0), worker(2, {}, "b"), worker(1));
  assert.deepEqual(ranks(plan), { a: [0, 1], b: [2, 3] });
  // Ranks dealt in turn.
  const cyclic = join(
    { hosts: 4 },
    worker(1, { localRank: 0 }, "b"),
    worker(3, { localRank: 1 }, "b"),
    worker(0, { localRank: 0 }),
    worker(2, { localRank: 1 }),
  );
  assert.deepEqual(ranks(cyclic), { a: [0, 2], b: [1, 3] });
  // One machine that the launcher counts as two hosts, and one that is two containers.
  const nodes = join({ hosts: 4 }, ...[0, 1, 2, 3].map((r) => worker(r, { node: r >> 1 })));
  assert.deepEqual(
    nodes.hosts.map((h) => h.ranks),
    [
      [0, 1],
      [2, 3],
    ],
  );
  const containers = join({ hosts: 4 }, ...[0, 1, 2, 3].map((r) => worker(r, { node: 0, localRank: r, localWorldSize: 4, hostId: `ns${r >> 1}` })));
  assert.equal(containers.hosts.length, 2);
});

test("the address of a host is the one it was seen with if it is its own, else its best", () => {
  const address = (addresses: string[], peer: string | undefined, loopback = false): string => {
    const membership = new Membership({ hosts: 1, loopback });
    membership.add({ ...member({ addresses }), peer });
    return membership.plan().hosts[0]!.address;
  };
  assert.equal(address(["10.0.0.1", "192.168.0.1"], "192.168.0.1"), "192.168.0.1");
  assert.equal(address(["10.0.0.1"], "172.17.0.1"), "10.0.0.1");
  assert.equal(address([], "172.17.0.1"), "172.17.0.1");
  assert.equal(address(["10.0.0.1"], "127.0.0.1", true), "127.0.0.1");
});

// A job before its start: members that open their session late.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Job } from "../../src/control/job.js";
import { timeouts } from "../../src/control/limits.js";
import type { CoordinatorMessage, JoinRequest } from "../../src/control/messages.js";
import { protocolVersion } from "../../src/control/schema.js";

const request = (member: string, hostRank: number): JoinRequest => ({
  protocol: protocolVersion,
  member,
  hostName: member,
  addresses: [],
  localWorkers: 1,
  hostRank,
});
const ids = ["first-host", "second-host", "another-host"] as const;
const port = () => {
  const told: CoordinatorMessage[] = [];
  return { told, send: (message: CoordinatorMessage) => void told.push(message), end: () => {} };
};

test("a member whose session comes late, as on a machine that stood still, has its place all the same", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const job = new Job({ hosts: 2, loopback: true });
    const [one, two] = [port(), port()];
    job.join(request(ids[0], 0), undefined);
    job.open(ids[0], one);
    job.join(request(ids[1], 1), undefined);
    mock.timers.tick(timeouts.sessionMs);
    assert.match(one.told.at(-1)!.waiting!.text, /1 of 2 joined \(first-host\); awaited: host 1; second-host joined and opened no session/);
    job.open(ids[1], two);
    for (const { told } of [one, two]) assert.equal(told.at(-1)!.start?.worldSize, 2);
    assert.throws(() => job.open(ids[1], two), /one per Join/);
    job.close();
  } finally {
    mock.timers.reset();
  }
});

test("a place that somebody else has taken by then is not given twice", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const job = new Job({ hosts: 2, loopback: true });
    job.join(request(ids[0], 0), undefined);
    mock.timers.tick(timeouts.sessionMs);
    job.join(request(ids[2], 0), undefined);
    assert.throws(() => job.open(ids[0], port()), { code: "ERR_LAUNCH_MISMATCH", message: /first-host and another-host both want to be host 0/ });
    job.open(ids[2], port());
    job.close();
  } finally {
    mock.timers.reset();
  }
});

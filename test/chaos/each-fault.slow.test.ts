// A short chaos with a fixed seed: each quick fault on one host, and the loss of a host among two.
import { it } from "node:test";
import { chaos } from "./chaos.js";
import type { FaultName } from "./fault-kinds.js";
import type { Setting } from "./plan.js";

const skip = process.platform === "linux" ? false : "what a launch leaves behind is looked for in /proc";
const SEED = 20_261_122;

const wanted: Readonly<Partial<Record<Setting, readonly FaultName[]>>> = {
  "one host": ["no fault", "Ctrl-C", "worker killed", "exception", "exit", "crash", "launcher killed"],
  "two hosts": ["agent killed", "coordinator killed"],
  "two namespaces": ["cable pulled"],
};

it("faults end with the culprit named and nothing left", { skip, timeout: 600_000 }, (test) =>
  chaos({ seed: SEED, forMs: 500_000, runs: 10, only: (setting, fault) => wanted[setting]?.includes(fault) ?? false, say: (text) => test.diagnostic(text) }),
);

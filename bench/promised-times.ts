// The times that the product promises, as its tests measure them: how soon a worker that is lost is named, how long a launch or a help text takes. For a machine that has nothing else to do.
//   node dist/bench/promised-times.js [part of a path ...]
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { machine } from "./machine.js";

/** The test files that call promised() of test/support/timing.ts, themselves or in what they start. */
const files = [
  ...["hosts", "join", "operations", "sharding", "surface"].map((name) => `accelerator/${name}.test`),
  ...["coordinator", "foreign", "liveness", "security"].map((name) => `control/${name}.test`),
  ...["call-site", "gloo", "netns", "shm", "shm-conformance", "gloo-conformance", "hierarchical-conformance"].map((name) => `distributed/${name}.test`),
  ...["cli", "failure", "hosts", "launch", "stop"].map((name) => `launcher/${name}.test`),
  "tracking/wandb-online.test",
];

console.log(machine());
const given = process.argv.slice(2);
const run = join(dirname(fileURLToPath(import.meta.url)), "..", "test", "run.js");
const child = spawn(process.execPath, [run, "--alone", ...(given.length > 0 ? given : files)], {
  stdio: "inherit",
  env: { ...process.env, ACCELERATE_TS_TEST_TIMES: "1" },
});
child.on("exit", (code) => process.exit(code ?? 1));

// accelerate-ts profile: a launch whose workers tell where the time of their steps goes.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { commandOf } from "./call-command.js";

const folder = mkdtempSync(join(tmpdir(), "profile-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const call = commandOf("profile");
const source = (name: string) => new URL(`../../src/${name}`, import.meta.url).href;

const script = join(folder, "train.mjs");
writeFileSync(
  script,
  `import { Accelerator } from "${source("accelerator/index.js")}";
import { Linear } from "${source("nn/index.js")}";
import { SGD } from "${source("optim/index.js")}";
import { zeros } from "${source("tensor/index.js")}";
await using accelerator = new Accelerator();
const model = new Linear(4, 2);
const optimizer = new SGD(model.parameters(), { lr: 0.1 });
await accelerator.prepare(model, optimizer);
for (let i = 0; i < Number(process.argv[2]); i++) {
  await accelerator.backward(model(zeros([3, 4])).mean());
  await optimizer.step();
  optimizer.zeroGrad();
}
`,
);

describe("accelerate-ts profile", () => {
  it("prints one table and writes a trace for every worker", async () => {
    const traces = join(folder, "traces");
    const { code, stderr } = await call("--num-processes", "2", "--skip-first", "1", "--active", "3", "--output-trace-dir", traces, script, "8");
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/profile of rank \d/g)?.length, 1, stderr);
    assert.match(stderr, /profile of rank 0: 3 steps/);
    assert.match(stderr, /matrix products: /);
    assert.deepEqual(readdirSync(traces).sort(), ["trace-rank0.json", "trace-rank1.json"]);
  });

  it("says so when the program ends before anything was measured", async () => {
    const traces = join(folder, "none");
    const { code, stderr } = await call("--num-processes", "2", "--output-trace-dir", traces, script, "1");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /profile: the program made 1 step/);
    assert.ok(!existsSync(traces));
  });

  it("tells what was measured of a program that does not close its Accelerator", async () => {
    const open = join(folder, "open.mjs");
    writeFileSync(open, readFileSync(script, "utf8").replace("await using accelerator", "const accelerator"));
    const few = await call("--num-processes", "2", "--output-trace-dir", join(folder, "open-none"), open, "1");
    assert.match(few.stderr, /profile: the program made 1 step/);
    const some = await call("--num-processes", "2", "--skip-first", "1", "--active", "50", "--output-trace-dir", join(folder, "open"), open, "6");
    assert.equal(some.code, 0, some.stderr);
    assert.match(some.stderr, /profile of rank 0: 4 steps/);
  });

  it("refuses numbers of steps that are none before anything is started", async () => {
    const { code, stderr } = await call("--active", "0", script);
    assert.equal(code, 2);
    assert.match(stderr, /--active 0/);
  });
});

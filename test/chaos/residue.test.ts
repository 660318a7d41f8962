// The chaos sees what is left: else it would find nothing wrong.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Residue } from "./residue.js";

const skip = process.platform === "linux" && existsSync("/dev/shm") ? false : "looks into /proc and /dev/shm";

test("processes, ports and shared memory that are left are found, also where the process has no parent any more", { skip }, async () => {
  const residue = new Residue(`residue-${process.pid}`);
  assert.deepEqual(await residue.left(), []);
  const file = `/dev/shm/residue-${process.pid}`;
  // A shell that starts a server and ends.
  const server = `require("node:net").createServer().listen(0, "127.0.0.1", () => { require("node:fs").openSync("${file}", "w"); console.log("up"); })`;
  const shell = spawn("sh", ["-c", `"$NODE" -e '${server}' &`], {
    env: { ...process.env, ...residue.env, NODE: process.execPath, RANK: "1", ACCELERATE_TS_AGENT_PID: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(shell.stdout, "data");
    residue.note();
    const [found, ...others] = residue.processes();
    assert.equal(others.length, 0);
    assert.equal(found?.rank, 1);
    assert.equal(residue.ports.length, 1);
    const left = await residue.left();
    assert.match(left[0]!, /^process \d+ \(rank 1\) still runs: /);
    assert.equal(left[1], `port ${residue.ports[0]} is still listened on`);
    assert.equal(left[2], `${file} is left`);
    residue.clear();
    writeFileSync(file, "");
    assert.deepEqual(await residue.left(), [`${file} is left`]);
  } finally {
    residue.clear();
    rmSync(file, { force: true });
  }
  assert.deepEqual(await residue.left(), []);
});

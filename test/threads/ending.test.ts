// Threads that are ended while they still load their module.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startThreads } from "../../src/threads/index.js";

const pools = 24;
/** Loading takes about so long. */
const loadMs = 160;

async function endEarly(): Promise<void> {
  const module = new URL("../../src/data/index.js", import.meta.url);
  for (let i = 0; i < pools; i++) {
    const pool = startThreads({ module, name: "none", threads: 2 });
    await sleep((loadMs * i) / pools);
    await pool.close();
  }
  console.log("all ended");
}

if (process.argv[2] === "child") await endEarly();
else
  describe("threads", () => {
    it("may be ended at any moment of their start; the process goes on", async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), "child"], { timeout: 120_000 });
      assert.equal(stdout, "all ended\n");
    });
    it("say which module they cannot load", async () => {
      await using pool = startThreads<number, number>({ module: new URL("./nowhere.js", import.meta.url), name: "none", threads: 1 });
      await assert.rejects(pool.run(1), /nowhere\.js/);
    });
  });

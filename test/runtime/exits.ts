// Every way in which a process ends while a run is in flight, as tests.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("./fixtures/exit-child.js", import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const end = (mode: string, round: number) =>
  new Promise<Ending>((resolve) => {
    const started = spawn(process.execPath, [child, mode, String(20 + 150 * round)], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    started.stdout.on("data", (data) => {
      stdout += data;
    });
    started.stderr.on("data", (data) => {
      stderr += data;
    });
    started.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

const cases: readonly { readonly mode: string; readonly what: string; readonly code: number; readonly stdout: string; readonly stderr: RegExp }[] = [
  { mode: "exit", what: "process.exit(7)", code: 7, stdout: "", stderr: /^$/ },
  { mode: "reallyExit", what: "exit() below Node", code: 7, stdout: "", stderr: /^$/ },
  { mode: "throw", what: "an uncaught exception", code: 1, stdout: "", stderr: /Error: boom/ },
  { mode: "reject", what: "an unhandled rejection", code: 1, stdout: "", stderr: /Error: boom/ },
  { mode: "natural", what: "the end of the script, which waits for the run", code: 0, stdout: "settled\n", stderr: /^$/ },
  { mode: "idle", what: "nothing left to do but open sessions", code: 0, stdout: "", stderr: /^$/ },
  { mode: "worker", what: "worker.terminate()", code: 0, stdout: "terminated\n", stderr: /^$/ },
  { mode: "creating", what: "process.exit(7) while a session is made", code: 7, stdout: "", stderr: /^$/ },
];

/** rounds: how often each way is gone, with other moments where a moment counts. */
export function exits(rounds: (mode: string) => number): void {
  suite("The process ends cleanly while a run is in flight", () => {
    for (const { mode, what, code, stdout, stderr } of cases) {
      test(`by ${what}`, async () => {
        for (let round = 0; round < rounds(mode); round++) {
          const ending = await end(mode, round);
          assert.deepEqual([ending.code, ending.signal], [code, null], ending.stderr);
          assert.equal(ending.stdout, stdout);
          assert.match(ending.stderr, stderr);
          assert.doesNotMatch(ending.stderr, /onnxruntime:|terminate called|Segm|free\(\)/);
        }
      });
    }
  });
}

// Every way in which a process ends while a device has work queued, as tests.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { testDevices } from "../support/devices.js";

const child = fileURLToPath(new URL("./fixtures/device-exit-child.js", import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const end = (device: string, mode: string) =>
  new Promise<Ending>((resolve) => {
    const started = spawn(process.execPath, ["--expose-gc", child, device, mode], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    let [stdout, stderr] = ["", ""];
    started.stdout.on("data", (data) => {
      stdout += data;
    });
    started.stderr.on("data", (data) => {
      stderr += data;
    });
    started.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

const cases: readonly { readonly mode: string; readonly what: string; readonly code: number; readonly stdout?: string; readonly stderr?: RegExp }[] = [
  { mode: "exit", what: "process.exit(7)", code: 7 },
  { mode: "reallyExit", what: "exit() below Node", code: 7 },
  { mode: "throw", what: "an uncaught exception", code: 1, stderr: /Error: boom/ },
  { mode: "reject", what: "an unhandled rejection", code: 1, stderr: /Error: boom/ },
  { mode: "idle", what: "nothing left to do, with everything open", code: 0 },
  { mode: "closed", what: "closing everything behind a run", code: 0, stdout: "closed\n" },
  { mode: "collected", what: "its end after arrays were forgotten instead of freed", code: 0, stdout: "collected\n" },
  { mode: "opening", what: "process.exit(7) while the device is opened", code: 7 },
  { mode: "worker", what: "worker.terminate(), and goes on", code: 0, stdout: "terminated\n" },
  { mode: "both", what: "process.exit(7) while two threads use the device", code: 7 },
];

/** rounds: how often each way is gone. */
export async function deviceExits(rounds: number): Promise<void> {
  for (const { device, skip } of await testDevices()) {
    suite(`The process ends cleanly while ${device} has work`, { skip, concurrency: 2 }, () => {
      for (const { mode, what, code, stdout = "", stderr = /^$/ } of cases) {
        test(`by ${what}`, async () => {
          for (let round = 0; round < rounds; round++) {
            const ending = await end(`${device}`, mode);
            // Vulkan's loader speaks of displays that it does not need.
            const said = ending.stderr.replaceAll(/^error: XDG_RUNTIME_DIR .*\n/gm, "");
            assert.deepEqual([ending.code, ending.signal], [code, null], said);
            assert.equal(ending.stdout, stdout);
            assert.match(said, stderr);
            assert.doesNotMatch(said, /onnxruntime:|terminate called|Segm|free\(\)/);
          }
        });
      }
    });
  }
}

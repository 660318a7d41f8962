// What ties a worker to its launcher.
import { configuredWorker } from "../../src/config.js";
import { reportFailure } from "../../src/control/report.js";
import { bindToCores, dieWithParent } from "../../src/runtime/process.js";
import { isStop, workerFailure } from "./failure.js";

/** Frames of a stack: those of this library must not push the user's out. */
const FRAMES = 40;
/** As of a program that Ctrl-C has ended. */
const STOPPED = 130;
/** Without the addon: how often the worker looks for its launcher. */
const LOOK_MS = 200;

/** The system ends this process with the launcher; without the addon, a timer does. */
function endWithLauncher(launcher: number): void {
  try {
    if (dieWithParent(launcher)) return;
  } catch {
    // not built: the first real use of the addon says what to do
  }
  setInterval(() => {
    if (process.ppid !== launcher) process.kill(process.pid, "SIGKILL");
  }, LOOK_MS).unref();
}

function stayOnCores(cores: string | undefined): void {
  if (!cores) return;
  try {
    bindToCores(cores.split(",").map(Number));
  } catch {
    // without the addon: on any core
  }
}

/** What was written before the process ends must arrive: Node queues what the launcher's pipe does not take at once, and loses the queue when an uncaught error ends the process. */
function writeAtOnce(stream: NodeJS.WriteStream): void {
  // Node offers no other way to make a pipe blocking.
  const { _handle: handle } = stream as { readonly _handle?: { setBlocking?(blocking: boolean): unknown } };
  if (!stream.isTTY) handle?.setBlocking?.(true);
}

/** Called once, before the script. */
export function prepareWorker(): void {
  const { env, pid } = process;
  env.ACCELERATE_TS_WORKER_PID = String(pid);
  endWithLauncher(Number(env.ACCELERATE_TS_AGENT_PID));
  stayOnCores(env.ACCELERATE_TS_CORES);
  writeAtOnce(process.stdout);
  writeAtOnce(process.stderr);
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, FRAMES);
  const settings = configuredWorker();
  if (settings?.controlFd === undefined) return;
  process.on("uncaughtExceptionMonitor", (error) => {
    // The program catches it itself and may go on; if it ends, its exit code says so.
    if (process.listenerCount("uncaughtException") > 0) return;
    // The stop that the user asked for has reached the end of the script: no failure, nothing to print.
    if (isStop(error)) process.exit(STOPPED);
    reportFailure(settings, workerFailure(error));
  });
}

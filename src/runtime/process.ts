// This process towards the system: it dies with its parent, and runs on the cores it was given. Linux only; elsewhere the functions say that nothing was done.
import { constants } from "node:os";
import { loadNative } from "../native/binding.js";

declare module "../native/binding.js" {
  interface NativeBinding {
    /** false where the system knows no such signal. @throws Error ERR_PROCESS */
    setParentDeathSignal(signal: number): boolean;
    /** The number of threads that were bound; 0 where there is no affinity. @throws Error ERR_PROCESS */
    setAffinity(cores: readonly number[]): number;
  }
}

/**
 * From now on the system kills this process when the thread that started it ends, however it ends. A parent that ended before is noticed too: then this process kills itself.
 * @throws AccelerateError when the addon is missing.
 */
export function dieWithParent(parent: number): boolean {
  const done = loadNative().setParentDeathSignal(constants.signals.SIGKILL);
  if (done && process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  return done;
}

/**
 * Binds all threads of this process, and those that they will start, to some cores; false when the system refuses (a core that is not there, a container that forbids it).
 * @throws AccelerateError when the addon is missing.
 */
export function bindToCores(cores: readonly number[]): boolean {
  try {
    return loadNative().setAffinity(cores) > 0;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_PROCESS") return false; // slower, not wrong
    throw error;
  }
}

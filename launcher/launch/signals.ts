// The signals that a launcher gets, for as long as it runs.
import type { StopSignal } from "../agent/exit-code.js";

/** SIGUSR1 and SIGUSR2 are what batch systems send before they end a job. */
const stopSignals: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];

export interface SignalListeners {
  readonly stop: (signal: StopSignal) => void;
  /** Ctrl-Z and fg. */
  readonly pause: (signal: "SIGSTOP" | "SIGCONT") => void;
  readonly resize: () => void;
}

/** Installs the listeners; disposing takes them away. */
export function listenToSignals({ stop, pause, resize }: SignalListeners): Disposable {
  const suspend = () => {
    pause("SIGSTOP");
    process.kill(process.pid, "SIGSTOP");
  };
  const resume = () => pause("SIGCONT");
  for (const signal of stopSignals) process.on(signal, stop);
  process.on("SIGTSTP", suspend).on("SIGCONT", resume).on("SIGWINCH", resize);
  return {
    [Symbol.dispose]: () => {
      for (const signal of stopSignals) process.off(signal, stop);
      process.off("SIGTSTP", suspend).off("SIGCONT", resume).off("SIGWINCH", resize);
    },
  };
}

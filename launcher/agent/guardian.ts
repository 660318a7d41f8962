// Ends what workers have started when the launcher is killed: workers die with it by the system's doing, their own child processes only by somebody who is left.
import { type ChildProcess, spawn } from "node:child_process";

/** Each line is the whole list of process groups; the end of the input without an empty line before it is the launcher's death. */
const script = 'groups=; while IFS= read -r line; do groups=$line; done; [ -z "$groups" ] || kill -9 $groups';

/** A small shell that waits for the launcher's end. Without a shell nobody guards: the workers themselves still end. */
export class Guardian {
  readonly #shell: ChildProcess;

  constructor() {
    // A session of its own: Ctrl-C of the terminal must not end it.
    this.#shell = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    this.#shell.on("error", () => {}); // no shell
    this.#shell.stdin?.on("error", () => {}); // somebody has ended it
    this.#shell.unref();
    (this.#shell.stdin as unknown as { unref?(): void } | null)?.unref?.();
  }

  /** Leaders of the process groups that must not outlive the launcher. */
  watch(pids: readonly number[]): void {
    this.#shell.stdin?.write(`${pids.map((pid) => -pid).join(" ")}\n`);
  }
  /** Nothing is to be ended any more. */
  close(): void {
    this.#shell.stdin?.end("\n");
  }
}

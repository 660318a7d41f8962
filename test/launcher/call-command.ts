// Commands of the command line called in this process, with what they wrote.
import { Writable } from "node:stream";
import { runCli } from "../../launcher/program.js";

class Text extends Writable {
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

export interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command by its name, to be called with its arguments. */
export const commandOf =
  (name: string) =>
  async (...args: string[]): Promise<Called> => {
    const [stdout, stderr] = [new Text(), new Text()];
    const code = await runCli([name, ...args], { stdout, stderr });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };

// Asks the machine about its GPUs in a process of its own.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { DriverFacts, KernelsFact, LibraryFact, VulkanFacts } from "../../src/native/machine-facts.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface MachineQuestions {
  readonly libraries: readonly { readonly file: string; readonly symbol: string; readonly shape: number }[];
  /** Our object of kernels; absent: it is not asked. */
  readonly kernels?: string;
  /** The driver's library; absent: it is not asked. */
  readonly driver?: string;
  /** Vulkan's loader; absent: it is not asked. */
  readonly vulkan?: string;
}
export interface MachineAnswers {
  readonly libraries: readonly LibraryFact[];
  readonly kernels?: KernelsFact;
  readonly driver?: DriverFacts;
  readonly vulkan?: VulkanFacts;
}

const main = fileURLToPath(new URL("./ask-main.js", import.meta.url));
/** A driver without its persistence daemon starts every GPU anew, which takes seconds for each. */
const PATIENCE = 60_000;

/** undefined: nothing answered, for instance because the addon is not built. The reason is told in the text. */
export const askMachine = (questions: MachineQuestions, env: Environment): Promise<{ readonly answers?: MachineAnswers; readonly failed?: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, JSON.stringify(questions)], { env: { ...env, NODE_OPTIONS: undefined }, timeout: PATIENCE }, (error, stdout, stderr) => {
      try {
        resolve({ answers: JSON.parse(stdout) as MachineAnswers });
      } catch {
        const said =
          stderr
            .trim()
            .split("\n")
            .findLast((line) => /\S/.test(line)) ?? "";
        const { killed = false, signal, message = "no answer" } = error ?? {};
        resolve({ failed: killed ? `no answer within ${PATIENCE / 1000} s` : signal ? `the process that asked ended by ${signal}` : said || message });
      }
    });
  });

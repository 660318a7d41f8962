// Tries of batch sizes on several workers: where memory runs out on one, the others are called back, and all begin anew in groups of their own.
import { CollectiveError, type CollectiveOptions } from "../../distributed/index.js";
import type { Trial } from "./batch-size.js";
import type { Calls } from "../collectives/calls.js";
import { isOutOfMemory, tryIn } from "./memory-errors.js";
import type { WorkerState } from "../collectives/worker-state.js";

const shownLength = 200;
/** ONNX Runtime says at the end how much was wanted. */
const shortened = (text: string): string => (text.length <= shownLength ? text : `${text.slice(0, shownLength / 2)} ... ${text.slice(-shownLength / 2)}`);

export interface MemoryTrialOptions {
  readonly state: WorkerState;
  readonly calls: Calls;
  readonly call: CollectiveOptions;
  /** A try begins: gives what forgets all that was made and counted in it. */
  readonly attempt: () => () => void;
}

const tryOf = (error: unknown): number => (error instanceof CollectiveError ? tryIn(error.message) : Number.NaN);

/**
 * A worker without memory leaves the others in the middle of a step, where they wait for it: it ends the groups, with a fault that says so, which brings the others here. Groups that have ended are
 * of no more use: all join new ones.
 */
export class MemoryTrial implements Trial {
  readonly #options: MemoryTrialOptions;
  #number: number;
  #forget = (): void => {};

  constructor(options: MemoryTrialOptions) {
    this.#options = options;
    this.#number = options.state.tries;
  }

  begin(): void {
    const { state, attempt } = this.#options;
    this.#number = ++state.tries;
    this.#forget = attempt();
  }

  async agree(): Promise<void> {
    const { calls, call } = this.#options;
    try {
      await calls.inOrder(({ group }) => group.barrier(call));
    } catch (error) {
      // A worker has gone on to a later try, and failed there, before this one was back: in this try all had come here.
      if (tryOf(error) > this.#number) return;
      throw error;
    }
  }

  lack(error: unknown, batchSize: number): string | undefined {
    const { state } = this.#options;
    if (!isOutOfMemory(error)) return undefined;
    const { name, message } = error as Error;
    if (Number.isInteger(tryOf(error))) return message; // of the worker that had no memory
    const reason = `rank ${state.rank} ran out of memory in try ${this.#number}, at batch size ${batchSize}: ${name}: ${shortened(message)}`;
    if (state.size > 1) state.abort({ code: "ERR_COLLECTIVE_ABORTED", message: reason, ranks: [state.rank] });
    return reason;
  }

  async reset(broken: boolean): Promise<void> {
    const { state, calls } = this.#options;
    this.#forget();
    if (!broken) return;
    calls.restart();
    await state.renew();
  }
}

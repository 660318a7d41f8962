// The collective calls of an Accelerator: their place in the user's program, and their order.
import { CallOrder } from "../../distributed/call-order.js";
import { callSite } from "../../distributed/call-site.js";
import type { ProcessGroup, World } from "../../distributed/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type CallContent, compareCalls, type UserCall } from "./debug-checks.js";
import { type Known, known } from "./exchange-tensors.js";
import { replaceTensors, tensorsIn } from "./nested.js";
import { closedError } from "../stopping.js";
import type { WorkerState } from "./worker-state.js";

/** Values are computed before they travel, which may take longer here than there: calls that were not awaited still go out in the order in which they were made. */
export class Calls {
  /** Calls are compared over the workers before they are carried out. */
  debug = false;
  closed = false;
  /** Asked before each call is carried out. */
  guard: ((call: UserCall | undefined) => Promise<void>) | undefined;
  readonly #state: WorkerState;
  readonly #order = new CallOrder();
  #made = 0;

  constructor(state: WorkerState) {
    this.#state = state;
  }

  /** Where in the user's program the call is made: to be asked before the first await. @throws AccelerateError ERR_ACCELERATOR_CLOSED */
  options(purpose: string): UserCall {
    if (this.closed) throw closedError(purpose);
    return { site: callSite(), purpose, sequence: ++this.#made };
  }
  /** The workers' calls are counted anew. */
  restart(): void {
    this.#made = 0;
  }
  /** `call`: as `options` gave it, for debug mode; without it nothing is compared. */
  inOrder<V>(work: (world: World) => Promise<V>, call?: UserCall, content?: CallContent): Promise<V> {
    return this.#order.whole(async () => {
      const world = await this.#state.world();
      await this.guard?.(call);
      if (call && this.debug) await compareCalls(world.group, call, content);
      return work(world);
    });
  }
  /** The group, once the calls made before are done. A body of the user's must not be waited for: it may make calls itself. */
  async idle(call?: UserCall, which: "group" | "local" = "group"): Promise<World> {
    await this.#order.whole(async () => {
      await this.guard?.(call);
      if (call && this.debug) await compareCalls((await this.#state.world())[which], call);
    });
    return this.#state.world();
  }
  /** Work on the tensors in a structure, which comes back with the results in their places. */
  async onTensors<R>(
    purpose: string,
    value: unknown,
    work: (group: ProcessGroup, values: readonly Known[], options: UserCall) => Promise<Tensor[]>,
    agreement: Omit<CallContent, "tensors"> = {},
  ): Promise<R> {
    const options = this.options(purpose);
    const tensors = tensorsIn(value, purpose);
    const content = { ...agreement, tensors: tensors.map(([path, { dtype, shape }]) => ({ path, dtype, shape })) };
    const results = await this.inOrder(async ({ group }) => work(group, await known(tensors), options), options, content);
    return replaceTensors(value, results.values()) as R;
  }
}

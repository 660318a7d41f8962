// The collective calls of an Accelerator: their place in the user's program, and their order.
import { CallOrder } from "../distributed/call-order.js";
import { callSite } from "../distributed/call-site.js";
import type { CollectiveOptions, ProcessGroup, World } from "../distributed/index.js";
import type { Tensor } from "../tensor/index.js";
import { type Known, known } from "./exchange-tensors.js";
import { replaceTensors, tensorsIn } from "./nested.js";
import { closedError } from "./stopping.js";
import type { WorkerState } from "./worker-state.js";

/** Values are computed before they travel, which may take longer here than there: calls that were not awaited still go out in the order in which they were made. */
export class Calls {
  readonly #state: WorkerState;
  readonly #order = new CallOrder();
  closed = false;

  constructor(state: WorkerState) {
    this.#state = state;
  }

  /** Where in the user's program the call is made: to be asked before the first await. @throws AccelerateError ERR_ACCELERATOR_CLOSED */
  options(purpose: string): CollectiveOptions {
    if (this.closed) throw closedError(purpose);
    return { site: callSite(), purpose };
  }
  inOrder<V>(work: (world: World) => Promise<V>): Promise<V> {
    return this.#order.whole(async () => work(await this.#state.world()));
  }
  /** Once the calls made before are done. A body of the user's must not be waited for: it may make calls itself. */
  async idle(): Promise<World> {
    await this.#order.whole(async () => {});
    return this.#state.world();
  }
  /** Work on the tensors in a structure, which comes back with the results in their places. */
  async onTensors<R>(
    purpose: string,
    value: unknown,
    work: (group: ProcessGroup, values: readonly Known[], options: CollectiveOptions) => Promise<Tensor[]>,
  ): Promise<R> {
    const options = this.options(purpose);
    const tensors = tensorsIn(value, purpose);
    const results = await this.inOrder(async ({ group }) => work(group, await known(tensors), options));
    return replaceTensors(value, results.values()) as R;
  }
}

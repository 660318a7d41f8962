// What `prepare` has made, once per run: the places of parameters and the exchange of gradients, and what other ways to train need of them.
import type { World } from "../distributed/index.js";
import type { GradScaler } from "../optim/index.js";
import type { Accumulation } from "./gradients/accumulation.js";
import { type DdpOptions, HostSums } from "./comm-hooks/index.js";
import type { ExchangeOptions } from "./gradients/exchange-options.js";
import { WorkerExchange } from "./gradients/gradient-exchange.js";
import type { Joining } from "./modes/joining.js";
import { LossScaling } from "./gradients/loss-scaling.js";
import { DeviceOverlap } from "./gradients/device-overlap.js";
import { EarlyExchange } from "./gradients/early-exchange.js";
import { Placement } from "./gradients/placement.js";
import { shardingOf, type ZeroOptions } from "./gradients/zero.js";
import { type Gathering, wholeState } from "./gradients/sharded-state.js";
import type { CollectiveOptions } from "../distributed/index.js";
import type { Optimizer, WholeState } from "../optim/index.js";
import { defaultExecutor } from "../tensor/index.js";
import type { Stopping } from "./stopping.js";
import type { Profiler } from "../profile/profiler.js";
import { WrittenBuffers } from "./written-buffers.js";
import type { PerformanceWatch } from "./tracking/tracking-performance.js";

export interface TrainingRunOptions {
  readonly world: World;
  /** For gradients that travel while the backward runs; undefined: none do. */
  readonly lanes: World | undefined;
  /** Job ranks of this host, by local rank. */
  readonly localRanks: readonly number[];
  readonly shareParameters: boolean;
  readonly accumulation: Accumulation;
  readonly scaler: GradScaler | undefined;
  readonly ddp: DdpOptions | undefined;
  readonly zero: ZeroOptions | undefined;
  readonly joining: Joining;
  readonly stopping: Stopping;
  readonly performance: PerformanceWatch | undefined;
  readonly profiler?: Profiler | undefined;
  /** A step was made, or skipped; gives how many were made so far. */
  readonly onStep: (made: boolean) => number;
  readonly onWarning: (message: string) => void;
}

export class TrainingRun {
  readonly world: World;
  readonly placement: Placement;
  readonly exchange: WorkerExchange;
  readonly buffers = new WrittenBuffers();
  readonly #options: TrainingRunOptions;

  constructor(options: TrainingRunOptions) {
    const { world, lanes, localRanks, shareParameters, accumulation, scaler, ddp, zero, joining, stopping, performance, profiler, onStep, onWarning } = options;
    this.#options = options;
    this.world = world;
    const seen = performance?.timed(world) ?? world;
    const overHosts = new HostSums(seen.cross, ddp);
    const placement = new Placement({ world, localRanks, sharesParameters: shareParameters, sharding: shardingOf(zero), capBytes: overHosts.capBytes });
    this.placement = placement;
    const early =
      lanes && (world.device ? new DeviceOverlap({ group: world.device, beside: lanes.group, placement }) : new EarlyExchange({ lanes, placement, ddp }));
    this.exchange = new WorkerExchange({
      world: seen,
      placement,
      accumulation,
      scaling: new LossScaling(scaler),
      overHosts,
      early,
      joining,
      wishes: stopping,
      onStep: async ({ made }) => {
        const step = onStep(made);
        await this.buffers.takeFirst(world.group, { purpose: "buffers after optimizer.step" });
        await profiler?.stepped();
        // On a device: all arrays there, those of runs and of optimizers among them.
        const arenaBytes = () =>
          defaultExecutor().context?.memory().arrays ?? placement.arenas.reduce((sum, { arena }) => sum + 2 * arena.length * Float32Array.BYTES_PER_ELEMENT, 0);
        await performance?.stepped({ step, group: world.group, arenaBytes });
      },
      onWarning,
    });
    placement.connect(this.exchange);
  }

  /** Another exchange with the same windows and loss scale, for parameters that lie elsewhere. */
  exchangeOf({ world, placement }: Pick<ExchangeOptions, "world" | "placement">): WorkerExchange {
    const { accumulation, onStep } = this.#options;
    return new WorkerExchange({ world, placement, accumulation, scaling: this.exchange.scaling, onStep: async ({ made }) => void onStep(made) });
  }
  /** A collective: all of an optimizer's state, where each host has a part of it. */
  wholeState(optimizer: Optimizer, gathering: Gathering, options: CollectiveOptions): Promise<WholeState | undefined> {
    return wholeState(this.world, this.placement, optimizer, gathering, options);
  }
  /** Inside an accumulation window. */
  get holds(): boolean {
    return this.#options.accumulation.holds;
  }
  get scaler(): GradScaler | undefined {
    return this.#options.scaler;
  }
  get stopping(): Stopping {
    return this.#options.stopping;
  }
  /** Knows nothing of any parameter any more. */
  release(): void {
    this.#options.accumulation.restart();
    this.placement.clear();
    this.exchange.release();
  }
}

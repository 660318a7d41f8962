// What the exchange of gradients is made of.
import type { World } from "../../distributed/index.js";
import type { HostSums } from "../comm-hooks/index.js";
import type { Joining } from "../modes/joining.js";
import type { Accumulation } from "./accumulation.js";
import type { EarlyGradients } from "./early.js";
import type { LossScaling } from "./loss-scaling.js";
import type { Placement } from "./placement.js";

export interface ExchangeOptions {
  readonly world: World;
  readonly placement: Placement;
  readonly accumulation: Accumulation;
  /** By which losses are multiplied; default: 1. */
  readonly scaling?: LossScaling;
  /** Asked once per step: a bit mask of wishes of this worker, and told what any worker wished. For a stop that all make after the same step. */
  readonly wishes?: { mine(): number; agreed(all: number): void };
  /** How the hosts' sums are added up; default: as they are. */
  readonly overHosts?: HostSums;
  /** Gradients that travel before they are collected. */
  readonly early?: EarlyGradients | undefined;
  /** Workers that end their loops at different times. */
  readonly joining?: Joining;
  /** A step was made, or skipped, on every worker. */
  readonly onStep?: (outcome: { readonly made: boolean }) => Promise<void>;
  /** Something is wrong that goes on all the same. */
  readonly onWarning?: (message: string) => void;
}

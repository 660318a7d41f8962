// What an Accelerator offers around data: how prepared loaders deal their rows.
import { type DataLoader, skipFirstBatches } from "../../data/index.js";
import { type CompleteDataloaderConfig, completeDataloaderConfig } from "../loaders/dataloader-config.js";
import type { AcceleratorOptions } from "../options.js";
import { TrainingWindows } from "./training-windows.js";

export abstract class TrainingData extends TrainingWindows {
  readonly #config: { -readonly [K in keyof CompleteDataloaderConfig]: CompleteDataloaderConfig[K] };

  constructor(options: Pick<AcceleratorOptions, "dataloaderConfig" | "projectConfig" | "projectDir" | "logWith" | "trackPerformance">) {
    super(options);
    this.#config = completeDataloaderConfig(options.dataloaderConfig);
  }

  /** How prepared loaders deal their rows, defaults filled in. */
  get dataloaderConfig(): CompleteDataloaderConfig {
    return this.#config;
  }
  /** Whether loaders fill up their last round. What is set counts for those that are prepared from then on; set it on every worker alike. */
  get evenBatches(): boolean {
    return this.#config.evenBatches;
  }
  set evenBatches(value: boolean) {
    this.#config.evenBatches = value;
  }
  /** Whether a loader's batch is that of all workers together. */
  get splitBatches(): boolean {
    return this.#config.splitBatches;
  }
  /** Whether the main process reads for all. */
  get dispatchBatches(): boolean {
    return this.#config.dispatchBatches;
  }

  /** A loader without the first batches (of this worker) of its epochs: see `skipFirstBatches`. */
  skipFirstBatches<B>(loader: DataLoader<B>, batches: number): DataLoader<B> {
    return skipFirstBatches(loader, batches);
  }
}

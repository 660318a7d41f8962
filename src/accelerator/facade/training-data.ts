// What an Accelerator offers around data: how prepared loaders deal their rows.
import { type DataLoader, skipFirstBatches } from "../../data/index.js";
import { RankLoader, shardedBatches } from "../../data/internal.js";
import { type CompleteDataloaderConfig, completeDataloaderConfig } from "../loaders/dataloader-config.js";
import type { AcceleratorOptions } from "../options.js";
import { WorkerDealer } from "../loaders/worker-dealer.js";
import { TrainingWindows } from "./training-windows.js";

/** A loader of a loop that is no part of the training. */
export interface AsideLoader<B> {
  readonly loader: RankLoader<B>;
  /** The loop has ended. */
  release(): void;
}

export abstract class TrainingData extends TrainingWindows {
  /** Of loaders beside the training. */
  #dealer: WorkerDealer | undefined;
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

  /**
   * Deals a loader's batches to the workers as `prepare` does, for one loop beside the training: an evaluation. All workers get equally many batches; nothing is compared between workers, and no checkpoint knows of the loader. A loader that
   * was prepared stays as it is. Every worker makes the call.
   *
   * @internal
   */
  async prepareAside<B>(given: DataLoader<B> | AsyncIterable<B> | Iterable<B>): Promise<AsideLoader<B>> {
    const { splitBatches, dispatchBatches, ignoreDuplicates } = this.dataloaderConfig;
    const { numProcesses, processIndex } = this;
    if (dispatchBatches) this.#dealer ??= new WorkerDealer(this.calls);
    const dealer = dispatchBatches ? this.#dealer : undefined;
    // Workers that gather what they have made of every batch must have equally many.
    const shard = { numProcesses, processIndex, splitBatches, evenBatches: true, ignoreDuplicates, dealer };
    const loader = given instanceof RankLoader ? (given as RankLoader<B>) : shardedBatches(given, shard);
    if (this.loaders.followed.includes(loader)) return { loader, release: () => {} };
    if (numProcesses > 1 && loader.seed !== undefined) loader.seed = await this.broadcastObject(loader.seed);
    loader.shard(shard);
    return { loader, release: this.loaders.listen(loader) };
  }
}

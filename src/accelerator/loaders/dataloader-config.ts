// How prepared loaders deal their rows to the workers.
import { ArgumentError } from "../../errors.js";

/** How the rows of prepared loaders are dealt to the workers. */
export interface DataloaderConfig {
  /** The loader's batch is that of all workers together, each takes its part of it; batchSize must be a multiple of the workers. Default false: it is that of each worker. */
  readonly splitBatches?: boolean;
  /**
   * The main process reads for all and sends each worker its rows: for sources that only one can read, or that give each reader something else. The rows of a short last round are spread over the
   * workers. Default false, also for streams: every worker reads by itself and keeps its part.
   */
  readonly dispatchBatches?: boolean;
  /** Fill up the last round so that all workers get as many batches of the same size; default true. */
  readonly evenBatches?: boolean;
  /** The seed of shuffled loaders that were given none. Default: rank 0's draw. */
  readonly dataSeed?: number;
  /**
   * Rows that would be filled in are left out; a worker for which no rows are left still gets a batch, so that it makes the same calls, and its weight is 0. Losses are weighted by real rows, so that a
   * global batch trains the same for any number of workers. Default false: what is filled in trains like other rows.
   */
  readonly ignoreDuplicates?: boolean;
}
/** The same, complete. */
export type CompleteDataloaderConfig = Required<Omit<DataloaderConfig, "dataSeed">> & { readonly dataSeed: number | undefined };

/** @throws ArgumentError ERR_LOADER_OPTIONS */
export function completeDataloaderConfig(config: DataloaderConfig = {}): CompleteDataloaderConfig {
  const { splitBatches = false, dispatchBatches = false, evenBatches = true, ignoreDuplicates = false, dataSeed } = config;
  if (dataSeed !== undefined && !(Number.isInteger(dataSeed) && dataSeed >= 0))
    throw new ArgumentError(`dataloaderConfig.dataSeed is ${dataSeed}`, { code: "ERR_LOADER_OPTIONS", hint: "give a whole number of at least 0" });
  return { splitBatches, dispatchBatches, evenBatches, ignoreDuplicates, dataSeed };
}

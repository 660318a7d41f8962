// What an Accelerator offers to prepare one object at a time, as Accelerate does.
import type { DataLoader } from "../../data/index.js";
import type { ModuleBase } from "../../nn/index.js";
import type { Optimizer, Scheduler } from "../../optim/index.js";
import type { Preparable, Prepared } from "../prepare.js";
import { TrainingData } from "./training-data.js";

export abstract class SinglePreparing extends TrainingData {
  abstract prepare<T extends readonly Preparable[]>(...objects: T): Promise<{ [K in keyof T]: Prepared<T[K]> }>;

  /** `prepare` of one model. */
  async prepareModel<T extends ModuleBase>(model: T): Promise<T> {
    await this.prepare(model);
    return model;
  }
  /** `prepare` of one optimizer. */
  async prepareOptimizer<T extends Optimizer>(optimizer: T): Promise<T> {
    await this.prepare(optimizer);
    return optimizer;
  }
  /** `prepare` of one scheduler. */
  async prepareScheduler<T extends Scheduler>(scheduler: T): Promise<T> {
    await this.prepare(scheduler);
    return scheduler;
  }
  /** `prepare` of one loader. */
  async prepareDataLoader<B>(loader: DataLoader<B> | AsyncIterable<B> | Iterable<B>): Promise<DataLoader<B>> {
    return (await this.prepare(loader))[0] as DataLoader<B>;
  }
}

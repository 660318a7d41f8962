// SeedableRandomSampler: the order in which Accelerate's and transformers' loaders read, for the same seed.
import { Mt19937 } from "../mt19937.js";
import { RandomSampler, type RandomNumbers } from "./samplers.js";

/**
 * Rows at random in torch's order: epoch e has `torch.randperm(n, generator=manual_seed(seed + e))`, as Accelerate's sampler of that name. A run with the same seed reads the same batches as
 * transformers' Trainer.
 *
 * @example
 * const sampler = new SeedableRandomSampler(tokenized.train, { seed: 42 });
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, sampler, collateFn });
 */
export class SeedableRandomSampler extends RandomSampler {
  protected override random(seed: number, epoch: number): RandomNumbers {
    return new Mt19937(seed + epoch);
  }
}

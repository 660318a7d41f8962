// Checkpoints that transformers' Trainer wrote: their optimizer and schedule.
import type { Trainer } from "../trainer.js";

/** Whether optimizer.pt and scheduler.pt could be taken over. */
export async function loadForeignOptimizer(_trainer: Trainer, _directory: string): Promise<boolean> {
  return false;
}

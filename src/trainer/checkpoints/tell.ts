// What the Trainer says of checkpoints: one line on stderr, of the main process.
import type { Trainer } from "../trainer.js";

export function tell(trainer: Trainer, line: string): void {
  if (trainer.isWorldProcessZero()) console.error(`accelerate-ts: ${line}`);
}

// What the Trainer says of checkpoints: one line on stderr, of the main process.
import { type SaidLevel, say } from "../say.js";
import type { Trainer } from "../trainer.js";

export function tell(trainer: Trainer, line: string, level: SaidLevel = "warning"): void {
  say(trainer, level, `accelerate-ts: ${line}`);
}

// Trainings of train.ts one after the other in the same workers, so that what a process costs at its start is paid once.
//   launch --num-processes N trainings.js '[{"out": "result.json", ...}, ...]'
import type { TrainSettings } from "./train.js";

for (const [i, settings] of (JSON.parse(process.argv[2]!) as TrainSettings[]).entries()) {
  process.argv[2] = JSON.stringify(settings);
  await import(new URL(`./train.js?${i}`, import.meta.url).href);
}

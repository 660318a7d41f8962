// Trainings of train.ts, or of another program that is named, one after the other in the same workers, so that what a process costs at its start is paid once.
//   launch --num-processes N trainings.js '[{"out": "result.json", ...}, ...]' [resumed]
const program = process.argv[3] ?? "train";
for (const [i, settings] of (JSON.parse(process.argv[2]!) as unknown[]).entries()) {
  process.argv[2] = JSON.stringify(settings);
  await import(new URL(`./${program}.js?${i}`, import.meta.url).href);
}

// What fails on one worker of several, for tests: the codes and messages of all, as JSON in a file.
//   launch --num-processes 2 checkpoint-errors.js FOLDER
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Accelerator, AdamW } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

export interface CheckpointErrors {
  readonly [scenario: string]: readonly (readonly [code: string, message: string])[];
}

const folder = process.argv[2]!;
await using accelerator = new Accelerator({ seed: 1, projectDir: folder });
const model = new Linear(4, 4);
await accelerator.prepare(model, new AdamW(model.parameters()));
const second = accelerator.processIndex === 1;
const object = {
  refuses: false,
  stateDict: () => ({ value: 1 }),
  loadStateDict() {
    if (object.refuses && second) throw new RangeError("not here");
  },
};
accelerator.registerForCheckpointing(object);

const errors: Record<string, (readonly [string, string])[]> = {};
async function expectFailure(scenario: string, body: () => Promise<unknown>): Promise<void> {
  const own = await body().then(
    () => ["none", ""] as const,
    (error: Error & { readonly code?: string }) => [error.code ?? error.name, error.message] as const,
  );
  errors[scenario] = await accelerator.gatherObject([own]);
}
const aborted = () => (second ? { signal: AbortSignal.abort() } : {});

const first = await accelerator.saveState();
await expectFailure("exists", () => accelerator.saveState(first));
await expectFailure("missing", () => accelerator.loadState(join(folder, "none")));
object.refuses = true;
await expectFailure("refused", () => accelerator.loadState());
object.refuses = false;
await expectFailure("stopped", () => accelerator.saveState(undefined, aborted()));
await expectFailure("stopped beside", async () => {
  await accelerator.saveState(undefined, { async: true, ...aborted() });
  await accelerator.waitForSave();
});
const remove = accelerator.registerSaveStatePreHook(() => {
  if (second) throw new Error("a hook that fails");
});
await expectFailure("hook", () => accelerator.saveState(undefined, { async: true }));
remove();
await accelerator.saveState(undefined, { async: true });
await accelerator.waitForSave();
await expectFailure("loaded", () => accelerator.loadState());
if (accelerator.isMainProcess)
  writeFileSync(join(folder, "errors.json"), JSON.stringify({ errors, checkpoints: readdirSync(join(folder, "checkpoints")).sort() }));

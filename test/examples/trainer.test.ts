// The users' program for the Trainer, and the examples of it, on one worker and on two: scores after each epoch, predictions of exactly the rows that there are, checkpoints, a saved model.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launched, lines, type Output, plain } from "./launched.js";
import { withReviews } from "./reviews.js";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

const examples = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples");
const program = programOf("trainer.ts");
/** Workers, and how they are started. */
const starts = [
  [1, plain],
  [2, launched(2)],
] as const;

/** The metrics of the last prediction that a run printed, with the shapes before them. */
const predicted =
  /\[ (\d+), 2 \] \[ (\d+) \] \{\s+test_loss: [\d.]+,\s+test_accuracy: ([\d.]+),\s+test_f1: [\d.]+,\s+test_runtime: [\d.]+,\s+test_samples_per_second: [\d.]+,\s+test_steps_per_second: [\d.]+\s+\}/g;
const checkpointsOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort();
interface State {
  readonly global_step: number;
  readonly log_history: readonly Readonly<Record<string, number>>[];
}
const stateOf = (checkpoint: string) => JSON.parse(readFileSync(join(checkpoint, "trainer_state.json"), "utf8")) as State;
/** What came out of a worker, which prints whole objects at once, without the launcher's prefixes. */
const textOf = ({ stdout }: Output): string => lines(stdout).join("\n");

test("the users' program trains three epochs, scores each of them, and predicts the validation, on one worker and on two", () =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "trainer.ts"), program.text);
    for (const [workers, start] of starts) {
      const output = await start(["trainer.ts", "checkpoint"], { cwd: folder });
      // Every worker prints; lines of one may lie between those of the other.
      const shown = [...textOf(output).matchAll(predicted)];
      if (workers === 1) {
        assert.equal(shown.length, 1, output.stdout + output.stderr);
        assert.deepEqual(shown[0]!.slice(1, 3), ["10", "10"]);
        assert.ok(Number.isInteger(Math.round(Number(shown[0]![3]) * 1e9) / 1e8), `of 10 rows: ${shown[0]![3]}`);
      } else assert.equal([...textOf(output).matchAll(/\[ 10, 2 \] \[ 10 \] \{/g)].length, 2, output.stdout + output.stderr);
      const steps = workers === 1 ? 12 : 6; // 30 rows in batches of 8, three times
      const checkpoint = join(folder, "test-trainer", `checkpoint-${steps}`);
      assert.deepEqual(checkpointsOf(dirname(checkpoint)), [`checkpoint-${steps}`]);
      for (const file of ["config.json", "model.safetensors", "tokenizer.json", "trainer_state.json"])
        assert.ok(existsSync(join(checkpoint, file)), `${file} was saved`);
      const evaluations = stateOf(checkpoint).log_history.filter((entry) => "eval_loss" in entry);
      // Evaluated at the end of the last epoch, after its checkpoint.
      assert.deepEqual(
        evaluations.map(({ epoch }) => epoch),
        [1, 2],
      );
      const table = lines(output.stderr).join("\n");
      for (const epoch of [1, 2, 3])
        assert.match(
          table,
          new RegExp(`^Epoch +Training Loss +Validation Loss +Accuracy +F1 *\\n${epoch} +No log +\\d\\.\\d{6} +\\d\\.\\d{6} +\\d\\.\\d{6} *$`, "m"),
        );
      await rm(join(folder, "test-trainer"), { recursive: true });
    }
  }));
test("it is the users' program of the design as written", { skip: program.skip }, () => assertAsWritten(program));

test("the example for MRPC trains, keeps its last checkpoint, saves its model, and draws its curves", () =>
  inWorkplace(async (folder) => {
    await mkdir(join(folder, "data"));
    for (const split of ["train", "validation"]) await symlink(join(folder, `${split}.jsonl`), join(folder, "data", `${split}.jsonl`));
    for (const [workers, start] of starts) {
      const output = await start([join(examples, "trainer-mrpc.js"), "checkpoint", "--data", "data", "--epochs", "2", "--lr", "1e-3", "--out", "out"], {
        cwd: folder,
      });
      const text = textOf(output);
      const steps = workers === 1 ? 8 : 4;
      assert.match(text, new RegExp(`^${steps} steps, train loss \\d\\.\\d{4}$`, "m"));
      assert.equal([...text.matchAll(predicted)].length, 1, output.stdout + output.stderr);
      assert.match(text, /^saved out\/, curves in out\/curves\.svg$/m);
      assert.deepEqual(checkpointsOf(join(folder, "out")), [`checkpoint-${steps}`]);
      for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "out", file)), `${file} was saved`);
      assert.match(readFileSync(join(folder, "out", "curves.svg"), "utf8"), /^<svg /);
      await rm(join(folder, "out"), { recursive: true });
    }
  }));

test("the example for NSMC logs every 50 steps, keeps two checkpoints, and goes on where it was stopped", () =>
  withReviews(async (folder) => {
    const args = [join(examples, "nsmc-trainer.js"), "ratings_train.txt", "ratings_test.txt", "korean", "--lr", "1e-3"];
    const output = await plain([...args, "--epochs", "30"], { cwd: folder });
    assert.match(output.stdout, /^TrainOutput \{\s+globalStep: 150,\s+trainingLoss: 0\.\d+,/m, output.stdout + output.stderr);
    for (const key of ["train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss", "epoch"])
      assert.match(output.stdout, new RegExp(`\\b${key}: [\\d.e+]+`));
    assert.match(output.stdout, /^evaluate \{\s+eval_loss: [\d.]+,\s+eval_accuracy: [\d.]+,\s+eval_f1: [\d.]+,\s+eval_runtime: /m);
    assert.ok(
      output.stderr.includes(`***** Running training *****
  Num examples = 160
  Num Epochs = 30
  Num update steps per epoch = 5
  Instantaneous batch size per device = 32
  Total train batch size (w. parallel, distributed & accumulation) = 32
  Gradient Accumulation steps = 1
  Total optimization steps = 150
`),
      output.stderr,
    );
    assert.match(output.stderr, /^Step +Training Loss *\n50 +0\.\d{6} *\n100 +0\.\d{6} *\n150 +0\.\d{6} *$/m);
    assert.deepEqual(checkpointsOf(join(folder, "results")), ["checkpoint-100", "checkpoint-150"]);
    const losses = stateOf(join(folder, "results", "checkpoint-150")).log_history.filter((entry) => "loss" in entry);
    assert.deepEqual(
      losses.map(({ step }) => step),
      [50, 100, 150],
    );
    assert.ok(losses[2]!.loss! < losses[0]!.loss! / 2, JSON.stringify(losses));
    await rm(join(folder, "results", "checkpoint-150"), { recursive: true });
    const again = await plain([...args, "--epochs", "30", "--resume"], { cwd: folder });
    assert.match(again.stdout, /globalStep: 150/);
    const [first, second] = [output, again].map(({ stdout }) => /eval_loss: ([\d.]+)/.exec(stdout)![1]);
    assert.equal(second, first, "the same model in the end");
  }));

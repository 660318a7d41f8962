// The users' program for Korean sentiment, and the example of it, on generated reviews in NSMC's format with a tiny cased tokenizer.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

const run = promisify(execFile);
const example = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "nsmc.js");
const [good, bad, other] = [
  ["좋다", "최고", "재미있다", "감동"],
  ["별로", "최악", "지루하다", "실망"],
  ["영화", "배우", "연기", "정말", "너무", "이", "그"],
];

function reviews(count: number, from: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const feeling = (n % 2 ? good : bad)!;
    const words = [other![n % 7], other![(n * 3) % 7], feeling[n % 4], feeling[(n * 5 + 1) % 4]];
    // Some reviews of the real files are empty.
    return `${9000000 + n}\t${n % 41 === 40 ? "" : `${words.join(" ")}.`}\t${n % 2}`;
  });
  return ["id\tdocument\tlabel", ...lines].join("\n");
}

async function withReviews(body: (folder: string) => Promise<void>): Promise<void> {
  await inWorkplace(async (folder) => {
    await writeFile(join(folder, "ratings_train.txt"), reviews(160, 0));
    await writeFile(join(folder, "ratings_test.txt"), reviews(40, 1000));
    const syllables = [...new Set([...good!, ...bad!, ...other!].join(""))];
    const pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ...good!, ...bad!, ...syllables, ...syllables.map((s) => `##${s}`)];
    const korean = join(folder, "korean");
    await mkdir(korean);
    await writeFile(join(korean, "vocab.txt"), [...new Set(pieces)].join("\n"));
    await writeFile(join(korean, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer", do_lower_case: false, model_max_length: 64 }));
    const sizes = { vocab_size: 120, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 64 };
    await new BertForSequenceClassification(bertConfig(sizes)).savePretrained(korean);
    await body(folder);
  });
}
const trainLine = /^TRAIN - EPOCH (\d+) \| LOSS: (\d\.\d{4}) ACC: [01]\.\d{4} F1: [01]\.\d{4}$/gm;
const evalLine = /^EVAL \| LOSS: \d\.\d{4} ACC: [01]\.\d{4} F1: [01]\.\d{4}$/m;

const program = programOf("nsmc.ts");
test("the users' program trains ten epochs and evaluates", () =>
  withReviews(async (folder) => {
    await writeFile(join(folder, "nsmc.ts"), program.text);
    const args = ["--import", "accelerate-ts/register", "nsmc.ts", "ratings_train.txt", "ratings_test.txt", "korean"];
    const { stdout } = await run(process.execPath, args, { cwd: folder });
    assert.equal([...stdout.matchAll(trainLine)].length, 10, stdout);
    assert.match(stdout, evalLine);
  }));
test("it is the users' program of the design as written", { skip: program.skip }, () => assertAsWritten(program));

test("the example learns from the reviews", () =>
  withReviews(async (folder) => {
    const args = [example, "ratings_train.txt", "ratings_test.txt", "korean", "--epochs", "4", "--lr", "1e-2", "--batch", "16"];
    const { stdout } = await run(process.execPath, args, { cwd: folder });
    const losses = [...stdout.matchAll(trainLine)].map((match) => Number(match[2]));
    assert.equal(losses.length, 4, stdout);
    assert.ok(losses.at(-1)! < losses[0]! / 2, `the loss falls: ${losses.join(", ")}`);
    assert.match(stdout, evalLine);
  }));

// What tests of the book's kit share: folders, generated SNLI data, standard output that is looked at.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs a body with a folder of its own, which goes afterwards. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "d2l-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Lines that a body prints with console.log. */
export async function printed(body: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    await body();
  } finally {
    console.log = log;
  }
  return lines;
}

export const words = ["a", "man", "dog", "sleeps", "runs", "in", "the", "park", "quietly", "outside"];
const sentence = (i: number): string => Array.from({ length: 3 + (i % 5) }, (_, k) => words[(i * (k + 2) + k * k) % words.length]).join(" ");
const names = ["entailment", "contradiction", "neutral"];
const parse = (text: string): string => `( ( ${text.split(" ").join(" ) ( ")} ) . )`;

/** Text of a file of SNLI: a header, `rows` rows and one without a label. */
export function snliText(rows: number, from: number = 0): string {
  const lines = ["gold_label\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse"];
  for (let i = from; i < from + rows; i++)
    lines.push(`${names[i % 3]}\t${parse(sentence(i))}\t${parse(i % 3 === 0 ? sentence(i) : sentence(i + 5))}\t(ROOT x)`);
  lines.push(`-\t${parse("a")}\t${parse("b")}\tx`);
  return `${lines.join("\n")}\n`;
}
/** snli_1.0_train.txt and snli_1.0_test.txt. */
export async function writeSnli(folder: string, train: number, test: number): Promise<void> {
  await writeFile(join(folder, "snli_1.0_train.txt"), snliText(train));
  await writeFile(join(folder, "snli_1.0_test.txt"), snliText(test, 1000));
}

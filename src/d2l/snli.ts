// The Stanford corpus of natural language inference as it is published: tab-separated, with the parses of both sentences.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { byteLines } from "../data/load/lines.js";
import { AccelerateError } from "../errors.js";
import { collapse, strip } from "./tokens.js";

/** Premises, hypotheses and labels (0 entailment, 1 contradiction, 2 neutral), row by row. */
export type SnliExamples = readonly [premises: readonly string[], hypotheses: readonly string[], labels: readonly number[]];

const labels: ReadonlyMap<string, number> = new Map([
  ["entailment", 0],
  ["contradiction", 1],
  ["neutral", 2],
]);

/** The words of a binary parse: `( ( A man ) sleeps )` is `A man sleeps`. */
const wordsOfParse = (parse: string): string => strip(collapse(parse.replace(/[()]/g, "")));

/**
 * Reads `snli_1.0_train.txt` or `snli_1.0_test.txt` of a folder. Rows that the annotators did not agree on (label `-`) are left out.
 *
 * @throws AccelerateError ERR_SNLI when there is no such file, or a row has too few columns
 * @example
 * const [premises, hypotheses, labels] = await readSnli(await downloadExtract("SNLI"), true);
 */
export async function readSnli(dir: string, isTrain: boolean): Promise<SnliExamples> {
  const file = join(dir, isTrain ? "snli_1.0_train.txt" : "snli_1.0_test.txt");
  const found: [string[], string[], number[]] = [[], [], []];
  try {
    for await (const { bytes, line } of byteLines(createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)) {
      if (line === 1) continue;
      const [label, premise, hypothesis] = bytes.toString("utf8").split("\t", 3) as [string, string?, string?];
      const number = labels.get(label);
      if (number === undefined) continue;
      if (premise === undefined || hypothesis === undefined)
        throw new AccelerateError("ERR_SNLI", `${file}:${line}: a row of SNLI has a label and two sentences in its first columns`, {
          hint: "the file is damaged; download it again",
        });
      found[0].push(wordsOfParse(premise));
      found[1].push(wordsOfParse(hypothesis));
      found[2].push(number);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new AccelerateError("ERR_SNLI", `there is no ${file}`, { cause: error, hint: 'give the folder of the corpus: await downloadExtract("SNLI")' });
  }
  return found;
}

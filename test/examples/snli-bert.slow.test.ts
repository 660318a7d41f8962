// The users' program for d2l.ai 16.7, and the example of it: a checkpoint in PyTorch's format and a corpus in SNLI's, both from a server on this machine.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BERTModel } from "accelerate-ts/d2l";
import { snliText, words } from "../d2l/support.js";
import { stateArchive, zipOf } from "../torch-file/files.js";
import { launched, lines, type Output, plain, type Start } from "./launched.js";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

const run = promisify(execFile);
const example = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "snli-bert.js");
const program = programOf("snli-bert.ts");
const vocab = ["<unk>", "<pad>", "<mask>", "<cls>", "<sep>", ".", ...words];
const book = { numHiddens: 256, ffnNumHiddens: 512, numHeads: 4, numBlks: 2, dropout: 0.1, maxLen: 512 };

/** The book's two archives, with a checkpoint of its layout that nobody has trained and a few rows. */
const archives = (train: number, test: number): Readonly<Record<string, Uint8Array>> => ({
  "bert.small.torch.zip": zipOf({
    "bert.small.torch/vocab.json": Buffer.from(JSON.stringify(vocab)),
    "bert.small.torch/pretrained.params": stateArchive(new BERTModel(vocab.length, book).namedParameters()),
  }),
  "snli_1.0.zip": zipOf({ "snli_1.0/snli_1.0_train.txt": Buffer.from(snliText(train)), "snli_1.0/snli_1.0_test.txt": Buffer.from(snliText(test, 1000)) }),
});

/** Runs a body in a user's folder whose DATA_HUB leads to a server of these archives, whatever a program writes into it: `start.ts` does that, then runs the program. */
const withServer = (files: Readonly<Record<string, Uint8Array>>, body: (folder: string) => Promise<void>): Promise<void> =>
  inWorkplace(async (workplace) => {
    const server = createServer((request, response) => {
      const bytes = files[request.url!.slice(1)];
      response.writeHead(bytes ? 200 : 404, { "content-length": bytes?.length ?? 0 }).end(request.method === "GET" ? bytes : undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const entries = ["bert.small", "SNLI"].map((name, i) => {
        const [file, bytes] = Object.entries(files)[i]!;
        return [name, [url + file, createHash("sha1").update(bytes).digest("hex")]];
      });
      const folder = join(workplace, "work");
      await mkdir(folder);
      await writeFile(
        join(folder, "hub.ts"),
        `import { DATA_HUB } from "accelerate-ts/d2l";
for (const [name, entry] of ${JSON.stringify(entries)} as [string, [string, string]][]) Object.defineProperty(DATA_HUB, name, { get: () => entry, set: () => {} });
`,
      );
      // Two workers with 512 rows each would fill up 1,024.
      const small = program.text.replace("batchSize = 512", "batchSize = 2");
      assert.notEqual(small, program.text);
      await writeFile(join(folder, "snli-bert.ts"), program.text);
      await writeFile(join(folder, "snli-bert-small.ts"), small);
      await writeFile(join(folder, "start-small.ts"), 'import "./hub.ts";\nimport "./snli-bert-small.ts";\n');
      await writeFile(join(folder, "start.ts"), 'import "./hub.ts";\nimport "./snli-bert.ts";\n');
      await body(folder);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

/** Results of a run in the order in which they are printed. */
function results({ stdout, stderr }: Output, devices: number): void {
  const shown = lines(stdout);
  const one = (pattern: RegExp) => assert.equal(shown.filter((line) => pattern.test(line)).length, 1, `${pattern} once in\n${stdout}\n${stderr}`);
  one(/^read 6 examples$/);
  one(/^read 3 examples$/);
  one(/^loss \d\.\d{3}, train acc [01]\.\d{3}, test acc [01]\.\d{3}$/);
  const list = Array.from({ length: devices }, () => "device(type='cpu')").join(", ");
  assert.ok(
    shown.some((line) => line.endsWith(` examples/sec on [${list}]`)),
    stdout,
  );
  for (const epoch of [1, 2, 3, 4, 5])
    assert.match(stderr, new RegExp(`epoch ${epoch}  train loss \\d\\.\\d{3}  train acc [01]\\.\\d{3}  test acc [01]\\.\\d{3}`));
}

test("the users' program downloads, trains and draws as written on one worker, and with small batches on two", () =>
  withServer(archives(6, 3), async (folder) => {
    const runs: readonly (readonly [Start, string, number])[] = [
      [plain, "start.ts", 1],
      [launched(2), "start-small.ts", 2],
    ];
    for (const [i, [start, main, workers]] of runs.entries()) {
      const output = await start([main], { cwd: folder });
      results(output, workers);
      const downloads = lines(output.stdout).filter((line) => line.startsWith("Downloading "));
      assert.deepEqual(
        downloads.map((line) => line.split(" ")[1]),
        i === 0 ? ["../data/bert.small.torch.zip", "../data/snli_1.0.zip"] : [],
        output.stdout,
      );
      assert.match(readFileSync(join(folder, "snli.svg"), "utf8"), /^<svg /);
    }
    assert.ok(existsSync(join(folder, "..", "data", "snli_1.0", "snli_1.0_train.txt")));
  }));
test("it is the users' program of the design as written", { skip: program.skip }, () => assertAsWritten(program));

test("the example takes local pairs and a new model, learns from them, and says that the model is new", () =>
  inWorkplace(async (folder) => {
    const args = [
      "--data",
      ".",
      "--new-model",
      "--epochs",
      "12",
      "--batch-size",
      "10",
      "--max-len",
      "24",
      "--lr",
      "3e-3",
      "--workers",
      "0",
      "--truncation",
      "ratio",
      "--out",
      "curve.svg",
    ];
    const { stdout, stderr } = await run(process.execPath, [example, ...args], { cwd: folder });
    assert.match(stdout, /^a new model: \d+ tokens, weights that nobody has trained$/m);
    assert.match(stdout, /^read 30 examples\nread 10 examples$/m);
    const losses = [...stderr.matchAll(/train loss (\d\.\d{3})/g)].map((match) => Number(match[1]));
    assert.equal(losses.length, 12, stderr);
    assert.ok(losses.at(-1)! < losses[0]! / 2, `the loss falls: ${losses.join(", ")}`);
    assert.ok(existsSync(join(folder, "curve.svg")));
  }));

test("words in place of numbers and of names end with code 2", async () => {
  const fails = (args: readonly string[]) =>
    run(process.execPath, [example, ...args]).then(
      () => assert.fail("it ran"),
      (error: { code: number; stderr: string }) => error,
    );
  const [number, name] = await Promise.all([fails(["--epochs", "three"]), fails(["--truncation", "first"])]);
  assert.deepEqual([number.code, name.code], [2, 2]);
  assert.match(number.stderr, /--epochs three: give a number/);
  assert.match(name.stderr, /--truncation first: give longest or ratio/);
});

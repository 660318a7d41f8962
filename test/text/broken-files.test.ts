// A tokenizer.json in which anything is changed either works or is an error of ours; never another one, never the end of the process.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { AccelerateError } from "../../src/errors.js";
import { byteLevelJson } from "../../src/text/byte-level-json.js";
import { AutoTokenizer } from "../../src/text/index.js";
import { bertTokens } from "../../src/text/tokenizer-class.js";
import { wordPieceJson } from "../../src/text/wordpiece-json.js";
import { folderOf } from "../data/files.js";

const words = new Map([...Object.values(bertTokens), "the", "cat", "##s"].map((token, id) => [token, id]));
const pieces: Readonly<Record<string, number>> = { "<s>": 0, "</s>": 1, a: 2, b: 3, Ġ: 4, ab: 5 };
const whole = [
  wordPieceJson(words, { lowercase: true, stripAccents: null, chineseChars: true, tokens: bertTokens }, "test"),
  byteLevelJson(pieces, ["a b"], { addPrefixSpace: true, trimOffsets: true, roberta: { sep_token: "</s>", cls_token: "<s>" } }, (token) => pieces[token]!),
];
type Path = readonly string[];
const pathsOf = (value: unknown, path: Path = []): Path[] =>
  typeof value === "object" && value !== null ? Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])]) : [];
const anyChange = fc
  .constantFrom(...whole)
  .chain((json) =>
    fc.tuple(fc.constant(json), fc.constantFrom(...pathsOf(json)), fc.oneof(fc.constant(undefined), fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.string())),
  );

test("a tokenizer.json with anything changed works or is refused", async (t) => {
  const folder = await folderOf(t, {});
  const seen = { works: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(anyChange, async ([json, path, value]) => {
      const changed = structuredClone(json) as unknown as Record<string, unknown>;
      let place = changed;
      for (const key of path.slice(0, -1)) place = place[key] as Record<string, unknown>;
      place[path.at(-1)!] = value;
      await writeFile(join(folder, "tokenizer.json"), JSON.stringify(changed));
      try {
        const tokenizer = await AutoTokenizer.fromPretrained(folder);
        await tokenizer(["the cats ab", "é"], ["a", "b"], { truncation: true, maxLength: 6, returnOffsetsMapping: true });
        await tokenizer("ab", { padding: tokenizer.padToken !== undefined });
        await tokenizer.decode([1, 2, 3]);
        await tokenizer.savePretrained(join(folder, "saved"));
        seen.works++;
      } catch (error) {
        assert.ok(error instanceof AccelerateError, `${path.join(".")}: ${(error as Error).stack}`);
        seen.refused++;
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(seen.works > 20 && seen.refused > 20, JSON.stringify(seen));
});

test("merges that would end the process are refused", async (t) => {
  const json = byteLevelJson(pieces, ["a b"], { addPrefixSpace: true, trimOffsets: true, roberta: undefined }, () => 0);
  const folder = await folderOf(t, { "tokenizer.json": JSON.stringify({ ...json, model: { ...json.model, continuing_subword_prefix: "####" } }) });
  await assert.rejects(AutoTokenizer.fromPretrained(folder), { code: "ERR_TOKENIZER_FILE", message: /continuing_subword_prefix/ });
});

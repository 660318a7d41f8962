// Calls of all forms, with all options, give Python's values: BERT, DistilBERT, GPT-2 and RoBERTa.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { AutoTokenizer, type PreTrainedTokenizer, type TokenLookup } from "../../src/text/index.js";
import { folderOf, root } from "../data/files.js";

interface Case {
  readonly tokenizer: string;
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly out?: Readonly<Record<string, unknown>>;
  readonly tokens?: unknown;
  readonly words?: unknown;
  readonly sequences?: unknown;
  readonly error?: string;
}
type Nested = readonly (readonly (number | null)[])[];
interface Lookups {
  readonly tokenizer: string;
  readonly row: number;
  readonly token_to_chars: readonly (readonly [number, number] | null)[];
  readonly token_to_word: readonly (number | null)[];
  readonly token_to_sequence: readonly (number | null)[];
  readonly char_to_token: Nested;
  readonly char_to_word: Nested;
  readonly word_to_tokens: readonly (readonly (readonly [number, number] | null)[])[];
  readonly word_to_chars: readonly (readonly (readonly [number, number] | null)[])[];
}
/** Made by test/golden/make/tokenizer_calls.py with transformers. */
interface Golden {
  readonly folders: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly cases: readonly Case[];
  readonly lookups: readonly Lookups[];
  readonly decoded: readonly {
    readonly tokenizer: string;
    readonly ids: number[];
    readonly plain: string;
    readonly skipped: string;
    readonly clean: string;
    readonly tokens: string[];
  }[];
  readonly properties: Readonly<
    Record<string, { readonly before: Readonly<Record<string, unknown>>; readonly after: { added: [number, number]; length: number; ids: number[][] } }>
  >;
}
const golden = JSON.parse(gunzipSync(await readFile(join(root, "test/golden/text-calls.json.gz"))).toString()) as Golden;
const names = Object.keys(golden.folders);
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
type AnyCall = (...args: unknown[]) => Promise<Record<string, unknown> & TokenLookup>;
type Context = Parameters<typeof folderOf>[0];
const load = async (t: Context, name: string): Promise<PreTrainedTokenizer> => AutoTokenizer.fromPretrained(await folderOf(t, golden.folders[name]!));
/** Python's column `length` is called lengths here; of one row it is a number. */
const expectedColumns = (out: Readonly<Record<string, unknown>>, single: boolean): Record<string, unknown> =>
  Object.fromEntries(Object.entries(out).map(([key, value]) => (key === "length" ? ["lengths", single ? (value as unknown[])[0] : value] : [key, value])));

for (const name of names) {
  test(`${name}: columns, tokens, word ids and sequence ids of every call`, async (t) => {
    const tokenizer = (await load(t, name)) as unknown as AnyCall;
    for (const { args, options, out, tokens, words, sequences, error } of golden.cases.filter((c) => c.tokenizer === name)) {
      const where = JSON.stringify([args, options]);
      const camelled = { ...Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value])), verbose: false };
      if (error !== undefined) {
        await assert.rejects(tokenizer(...args, camelled), { code: /^ERR_(TOKENIZE|TOKENIZE_OPTIONS|PAD_TOKEN)$/ }, where);
        continue;
      }
      const result = await tokenizer(...args, camelled);
      const single = !Array.isArray((out!.input_ids as unknown[])[0]);
      assert.deepEqual({ ...result }, expectedColumns(out!, single), where);
      assert.deepEqual(Object.keys(result), Object.keys(expectedColumns(out!, single)), where);
      const rows = single ? 1 : (result.input_ids as unknown[]).length;
      const all = <T>(read: (row: number) => T): T[] => Array.from({ length: rows }, (_, row) => read(row));
      if (tokens === undefined) continue;
      assert.deepEqual(all(result.tokens), tokens, where);
      assert.deepEqual(all(result.wordIds), words, where);
      assert.deepEqual(all(result.sequenceIds), sequences, where);
    }
  });
}

test("tokens, characters and words lead to each other", async (t) => {
  const range = (value: readonly [number, number] | null) => value && { start: value[0], end: value[1] };
  for (const name of names) {
    const first = golden.cases.find(
      ({ tokenizer, args }) => tokenizer === name && args.length === 1 && Array.isArray(args[0]) && typeof args[0][0] === "string",
    )!;
    const texts = first.args[0] as string[];
    const result = await (await load(t, name))(texts, texts.toReversed(), { verbose: false });
    for (const golds of golden.lookups.filter(({ tokenizer }) => tokenizer === name)) {
      const { row } = golds;
      golds.token_to_chars.forEach((chars, i) => {
        assert.deepEqual(result.tokenToChars(row, i) ?? null, range(chars), `${name} ${row} token ${i}`);
        assert.equal(result.tokenToWord(row, i) ?? null, golds.token_to_word[i]);
        assert.equal(result.tokenToSequence(row, i) ?? null, golds.token_to_sequence[i]);
      });
      for (const s of [0, 1]) {
        golds.char_to_token[s]!.forEach((token, i) => {
          assert.equal(result.charToToken(row, i, s) ?? null, token, `${name} ${row} char ${i} of ${s}`);
          assert.equal(result.charToWord(row, i, s) ?? null, golds.char_to_word[s]![i]);
        });
        golds.word_to_tokens[s]!.forEach((tokens, i) => {
          assert.deepEqual(result.wordToTokens(row, i, s) ?? null, range(tokens), `${name} ${row} word ${i} of ${s}`);
          assert.deepEqual(result.wordToChars(row, i, s) ?? null, range(golds.word_to_chars[s]![i]!));
        });
      }
    }
  }
});

test("ids become text again", async (t) => {
  for (const name of names) {
    const tokenizer = await load(t, name);
    for (const { ids, plain, skipped, clean, tokens } of golden.decoded.filter((d) => d.tokenizer === name)) {
      assert.equal(await tokenizer.decode(ids), plain);
      assert.deepEqual(await tokenizer.batchDecode([ids], { skipSpecialTokens: true }), [skipped]);
      assert.equal(await tokenizer.decode(ids, { skipSpecialTokens: true, cleanUpTokenizationSpaces: true }), clean);
      assert.deepEqual(tokenizer.convertIdsToTokens(ids), tokens);
    }
  }
});

test("properties, pieces and added tokens are Python's", async (t) => {
  for (const name of names) {
    const tokenizer = await load(t, name);
    const { before, after } = golden.properties[name]!;
    const texts = golden.cases.find(({ tokenizer: of, args }) => of === name && args.length === 1 && Array.isArray(args[0]) && typeof args[0][0] === "string")!
      .args[0] as string[];
    assert.deepEqual(
      {
        vocab_size: tokenizer.vocabSize,
        length: tokenizer.length,
        special_tokens_map: tokenizer.specialTokensMap,
        all_special_ids: tokenizer.allSpecialIds,
        all_special_tokens: tokenizer.allSpecialTokens,
        model_input_names: tokenizer.modelInputNames,
        padding_side: tokenizer.paddingSide,
        added_single: tokenizer.numSpecialTokensToAdd(),
        added_pair: tokenizer.numSpecialTokensToAdd(true),
        added_vocab: Object.fromEntries(tokenizer.getAddedVocab()),
        tokenized: await Promise.all(texts.map((text) => tokenizer.tokenize(text))),
      },
      before,
      name,
    );
    const added = [tokenizer.addTokens(["newtok", "cat"]), tokenizer.addSpecialTokens({ extraSpecialTokens: ["<x1>", "the"] })];
    const ids: number[][] = [];
    for (const text of ["a NewTok newtok cats <x1> The the other", "thecat sat"]) ids.push((await tokenizer(text)).input_ids);
    assert.deepEqual({ added, length: tokenizer.length, ids }, after, name);
  }
});

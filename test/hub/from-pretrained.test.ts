// Models, configs and tokenizers by an id of the hub, from a hub on this machine.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { AutoModel, AutoTokenizer, BertModel } from "../../src/models/index.js";
import { failing, startHub } from "./hub-support.js";

it("a model and its tokenizer load by their id, and again without the hub", async () => {
  await using test = await startHub();
  const folder = mkdtempSync(join(tmpdir(), "model-"));
  const model = new BertModel({
    vocab_size: 9,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 8,
    max_position_embeddings: 16,
  });
  await model.savePretrained(folder);
  const saved = Object.fromEntries(
    readdirSync(folder).map((name) => [name, name.endsWith(".safetensors") ? { lfs: readFileSync(join(folder, name)) } : readFileSync(join(folder, name))]),
  );
  rmSync(folder, { recursive: true });
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "##s", "a"].join("\n");
  test.hub.commit("org/tiny-bert", { ...saved, "vocab.txt": vocabulary, "README.md": "x" });
  for (const options of [test.options, { ...test.options, localFilesOnly: true }]) {
    const loaded = await AutoModel.fromPretrained("org/tiny-bert", options);
    assert.equal(loaded.config.hidden_size, 8);
    const tokenizer = await AutoTokenizer.fromPretrained("org/tiny-bert", options);
    assert.deepEqual(await tokenizer.tokenize("hello worlds"), ["hello", "world", "##s"]);
  }
  assert.equal(
    test.hub.requests.some(({ path }) => path.includes("README")),
    false,
  );
  await assert.rejects(AutoModel.fromPretrained("org/none", test.options), failing("ERR_HUB_REPOSITORY_NOT_FOUND", /there is no folder org\/none/));
  await assert.rejects(AutoTokenizer.fromPretrained("org/none", test.options), failing("ERR_HUB_REPOSITORY_NOT_FOUND"));
});

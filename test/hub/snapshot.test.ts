// Whole repositories and checkpoints by their ids: which files come, listings over pages, shards, what is there without a connection.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hubDownload, hubSnapshot, modelFiles, resolvePretrained, tokenizerFiles } from "../../src/hub/index.js";
import { failing, noise, startHub } from "./hub-support.js";

const config = '{"model_type":"bert"}';
const index = (shards: readonly string[]) => JSON.stringify({ weight_map: Object.fromEntries(shards.map((shard, i) => [`w${i}`, shard])) });

describe("A snapshot", () => {
  it("holds all files, or those that the patterns let through", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.pageSize = 2;
    const commit = hub.commit("org/all", { "a.json": "1", "b.txt": "2", "deep/c.json": "3", "deep/er/d.bin": { lfs: noise(1000) }, "e.md": "5" });
    const folder = await hubSnapshot({ repo: "org/all" }, { ...options, allowPatterns: ["*.json", "deep/"], ignorePatterns: "a.*" });
    assert.ok(folder.endsWith(commit));
    assert.deepEqual((readdirSync(folder, { recursive: true }) as string[]).sort(), ["deep", "deep/c.json", "deep/er", "deep/er/d.bin"]);
    await hubSnapshot({ repo: "org/all" }, options);
    assert.equal(readdirSync(folder, { recursive: true }).length, 7);
    // A commit's listing is asked for once, its files are known by their hashes.
    assert.equal(hub.log.filter((line) => line.includes("/tree/")).length, 4);
    assert.equal(hub.log.filter((line) => line.startsWith("HEAD")).length, 0);
  });

  it("is whole or an error when nothing may be asked", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.commit("org/all", { "a.json": "1", "b.txt": "2" });
    const offline = { ...options, localFilesOnly: true };
    await assert.rejects(hubSnapshot({ repo: "org/all" }, offline), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND"));
    await hubSnapshot({ repo: "org/all" }, { ...options, allowPatterns: "*.json" });
    assert.ok(existsSync(await hubSnapshot({ repo: "org/all" }, { ...offline, allowPatterns: "*.json" })));
    await assert.rejects(hubSnapshot({ repo: "org/all" }, offline), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", /b\.txt is not in the cache/));
    await hub.close();
    assert.ok(existsSync(await hubSnapshot({ repo: "org/all" }, { ...options, allowPatterns: "*.json" })));
    await assert.rejects(hubSnapshot({ repo: "org/all" }, options), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", /the hub cannot be asked/));
  });

  it("with a name that leaves its folder is refused", async () => {
    await using test = await startHub();
    test.hub.commit("org/evil", { "../../../../evil.txt": "x", "good.txt": "y" });
    await assert.rejects(hubSnapshot({ repo: "org/evil" }, test.options), failing("ERR_HUB_NAME"));
    await hubSnapshot({ repo: "org/evil" }, { ...test.options, allowPatterns: "good*" });
  });

  it("with a hash that is none lands where it should nevertheless", async () => {
    await using test = await startHub();
    const commit = test.hub.commit("org/evil", { "a.txt": "x" });
    test.hub.fail({ path: /\/tree\//, status: 200, body: JSON.stringify([{ type: "file", path: "a.txt", size: 1, oid: "../../../../evil" }]) });
    const folder = await hubSnapshot({ repo: "org/evil" }, test.options);
    assert.ok(folder.endsWith(commit));
    assert.match(readdirSync(join(test.cacheDir, "models--org--evil", "blobs"))[0]!, /^[0-9a-f]{40}-etag$/);
    for (const body of ['{"a":1}', '[{"type":"file"}]', '[{"type":"file","path":"a","size":-1,"oid":"x"}]', "[3]"]) {
      const other = test.hub.commit("org/odd", { "a.txt": body });
      test.hub.fail({ path: new RegExp(`/tree/${other}`), status: 200, body });
      if (body === "[3]") await hubSnapshot({ repo: "org/odd" }, test.options);
      else await assert.rejects(hubSnapshot({ repo: "org/odd" }, test.options), failing("ERR_HUB_HTTP"));
    }
  });

  it("ends with the first error, which names the file", async () => {
    await using test = await startHub();
    const files = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`f${i}.bin`, { lfs: noise(100, i + 1) }]));
    test.hub.commit("org/many", files);
    test.hub.fail({ path: /^\/[0-9a-f]{64}/, garbled: true });
    await assert.rejects(hubSnapshot({ repo: "org/many" }, test.options), failing("ERR_HUB_CONTENT", /f\d\.bin/));
    const folder = await hubSnapshot({ repo: "org/many" }, test.options);
    for (let i = 0; i < 8; i++) assert.deepEqual(readFileSync(join(folder, `f${i}.bin`)), noise(100, i + 1));
  });

  it("does not follow a listing that does not end well", async () => {
    await using test = await startHub();
    test.hub.commit("org/all", { "a.json": "1" });
    test.hub.fail({ path: /\/tree\//, status: 200 });
    await assert.rejects(hubSnapshot({ repo: "org/all" }, test.options), failing("ERR_HUB_HTTP", /no JSON/));
  });
});

describe("A checkpoint", () => {
  it("is a local folder as it is, though the hub has one of that name", async () => {
    await using test = await startHub();
    const folder = join(test.cacheDir, "local");
    mkdirSync(folder);
    assert.equal(await resolvePretrained(folder, modelFiles, test.options), folder);
    assert.equal(test.hub.requests.length, 0);
    await assert.rejects(resolvePretrained("./no such", modelFiles, test.options), failing("ERR_HUB_NAME", /there is no folder .\/no such/));
    await assert.rejects(
      resolvePretrained("nothing", modelFiles, test.options),
      failing("ERR_HUB_REPOSITORY_NOT_FOUND", /there is no folder nothing in .*; on the hub:/),
    );
  });

  it("of the hub brings the best of its weights and not the others", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    const weights = { lfs: noise(1000) };
    const commit = hub.commit("org/both", {
      "config.json": config,
      "model.safetensors": weights,
      "pytorch_model.bin": weights,
      "tf_model.h5": weights,
      "vocab.txt": "a",
    });
    const folder = await resolvePretrained("org/both", modelFiles, options);
    assert.deepEqual(readdirSync(folder).sort(), ["config.json", "model.safetensors"]);
    await resolvePretrained("org/both", tokenizerFiles, options);
    assert.deepEqual(readdirSync(folder).sort(), ["config.json", "model.safetensors", "vocab.txt"]);
    // Python need not ask for what is not there.
    assert.ok(existsSync(join(cacheDir, "models--org--both", ".no_exist", commit, "tokenizer.json")));
    hub.commit("org/old", { "config.json": config, "pytorch_model.bin": weights });
    assert.deepEqual(readdirSync(await resolvePretrained("org/old", modelFiles, options)).sort(), ["config.json", "pytorch_model.bin"]);
  });

  it("in shards brings those that its index names", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const files = { ...Object.fromEntries(shards.map((shard, i) => [shard, { lfs: noise(500, i + 1) }])), "model-of-another.safetensors": "x" };
    hub.commit("org/large", { "config.json": config, "model.safetensors.index.json": index(shards), ...files });
    const folder = await resolvePretrained("org/large", modelFiles, options);
    assert.deepEqual(readdirSync(folder).sort(), ["config.json", ...shards, "model.safetensors.index.json"]);
    hub.commit("org/torn", { "config.json": config, "model.safetensors.index.json": index(["../x", "gone"]) });
    await assert.rejects(resolvePretrained("org/torn", modelFiles, options), failing("ERR_HUB_NAME"));
    hub.commit("org/lost", { "config.json": config, "model.safetensors.index.json": index(["gone.safetensors"]) });
    await assert.rejects(resolvePretrained("org/lost", modelFiles, options), failing("ERR_HUB_ENTRY_NOT_FOUND", /no file gone\.safetensors/));
    hub.commit("org/odd", { "config.json": config, "model.safetensors.index.json": "[]" });
    await assert.rejects(resolvePretrained("org/odd", modelFiles, options), failing("ERR_HUB_CONTENT", /weight_map/));
  });

  it("comes from the cache alone when nothing may be asked, whatever filled it", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    hub.commit("org/tiny", { "config.json": config, "model.safetensors": { lfs: noise(100) }, "pytorch_model.bin": { lfs: noise(100, 2) } });
    const offline = { ...options, localFilesOnly: true };
    // File by file, without a listing, as Python does.
    for (const filename of ["config.json", "pytorch_model.bin"]) await hubDownload({ repo: "org/tiny", filename }, options);
    assert.deepEqual(readdirSync(await resolvePretrained("org/tiny", modelFiles, offline)).sort(), ["config.json", "pytorch_model.bin"]);
    await resolvePretrained("org/tiny", modelFiles, options);
    const folder = await resolvePretrained("org/tiny", modelFiles, offline);
    assert.ok(existsSync(join(folder, "model.safetensors")));
    rmSync(join(folder, "model.safetensors"));
    rmSync(join(folder, "pytorch_model.bin"));
    await assert.rejects(
      resolvePretrained("org/tiny", modelFiles, offline),
      failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", /model\.safetensors is not in the cache/),
    );
    rmSync(join(cacheDir, "models--org--tiny"), { recursive: true });
    await assert.rejects(resolvePretrained("org/tiny", modelFiles, offline), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND"));
  });
});

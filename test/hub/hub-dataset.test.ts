// loadDataset by an id of the hub, against a hub on this machine: configs, directory layouts, conversions, features, offline.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { loadDataset } from "../../src/data/index.js";
import { packageRoot } from "../../src/package-root.js";
import type { RepoFiles } from "../support/hub-server.js";
import { startHub } from "./hub-support.js";

const names = ["HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"] as const;
const before = names.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});
async function start(repos: Readonly<Record<string, RepoFiles>>) {
  const test = await startHub();
  for (const [repo, files] of Object.entries(repos)) test.hub.commit(repo, files, { type: "dataset" });
  Object.assign(process.env, { HF_ENDPOINT: test.hub.url, HF_HOME: test.cacheDir, HF_HUB_DISABLE_PROGRESS_BARS: "1" });
  return test;
}
const readme = (yaml: string) => `---\n${yaml}\n---\n# A data set\n`;
const pairs = (rows: number) => ({
  lfs: new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: "sentence1", data: Array.from({ length: rows }, (_, i) => `one ${i}`), type: "STRING" },
        { name: "label", data: Array.from({ length: rows }, (_, i) => BigInt(i % 2)), type: "INT64" },
      ],
    }),
  ),
});
const lengths = (dict: unknown) => {
  const { splits, get } = dict as { splits: readonly string[]; get(split: string): { length: number } };
  return Object.fromEntries(splits.map((split) => [split, get.call(dict, split).length]));
};

/** Two configs, as nyu-mll/glue has them. */
const glue: RepoFiles = {
  "README.md": readme(`dataset_info:
- config_name: mrpc
  features:
  - name: sentence1
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': not_equivalent
          '1': equivalent
- config_name: rte
  features:
  - name: sentence1
    dtype: string
  - name: label
    dtype: int64
configs:
- config_name: mrpc
  data_files:
  - split: train
    path: mrpc/train-*
  - split: validation
    path: mrpc/validation-*
- config_name: rte
  data_files:
  - split: train
    path: rte/train-*`),
  "mrpc/train-00000-of-00002.parquet": pairs(5),
  "mrpc/train-00001-of-00002.parquet": pairs(4),
  "mrpc/validation-00000-of-00001.parquet": pairs(3),
  "rte/train-00000-of-00001.parquet": pairs(2),
};

describe("loadDataset by an id of the hub", () => {
  it("takes the config's files and features, under the old name, too", async () => {
    await using test = await start({ "nyu-mll/glue": glue });
    const raw = await loadDataset("glue", "mrpc");
    assert.deepEqual(lengths(raw), { train: 9, validation: 3 });
    assert.equal(String(raw.get("train").features.label), "ClassLabel(names=['not_equivalent', 'equivalent'])");
    assert.deepEqual(raw.get("validation").at(1), { sentence1: "one 1", label: 1 });
    assert.ok(existsSync(join(test.cacheDir, "hub", "datasets--nyu-mll--glue", "refs", "main")));
    // Only what is needed was fetched.
    assert.equal(
      test.hub.log.some((line) => line.includes("rte")),
      false,
    );
  });

  it("fetches the splits that are wanted", async () => {
    await using test = await start({ "nyu-mll/glue": glue });
    const part = await loadDataset("nyu-mll/glue", "mrpc", { split: "validation[:2]" });
    assert.equal(part.length, 2);
    assert.equal(test.hub.requests.filter(({ host }) => host === "storage").length, 1);
  });

  it("fetches for a stream what is read of it", async () => {
    await using test = await start({ "nyu-mll/glue": glue, "org/names": { "train.jsonl": '{"a":1}\n{"a":2}\n', "dev.jsonl": '{"a":3}\n' } });
    const stored = () => test.hub.requests.filter(({ host }) => host === "storage").length;
    const stream = await loadDataset("glue", "mrpc", { split: "train", streaming: true });
    assert.equal(stored(), 0);
    const rows: unknown[] = [];
    for await (const row of stream.take(3)) rows.push(row);
    assert.deepEqual([rows.length, stored()], [3, 1]);
    for await (const row of stream.skip(3)) rows.push(row);
    assert.deepEqual([rows.length, stored()], [9, 2]);
    const dict = await loadDataset("org/names", { streaming: true });
    for await (const row of dict.get("train")) rows.push(row);
    assert.deepEqual(rows.slice(9), [{ a: 1 }, { a: 2 }]);
  });

  it("lists the configs when one is missing or unknown", async () => {
    await using _ = await start({ "nyu-mll/glue": glue });
    await assert.rejects(loadDataset("glue", "nope"), { code: "ERR_DATASET_CONFIG", message: /no config "nope": configs are mrpc, rte/ });
    await assert.rejects(loadDataset("nyu-mll/glue"), { code: "ERR_DATASET_CONFIG", message: /loadDataset\("nyu-mll\/glue", "mrpc"\); configs are mrpc, rte/ });
    await assert.rejects(loadDataset("glue", "mrpc", { split: "test" }), { code: "ERR_SPLIT_NOT_FOUND" });
  });

  it("goes by the names of files where nothing is declared", async () => {
    await using _ = await start({
      "org/names": { "train.jsonl": '{"a":1}\n{"a":2}\n', "dev.jsonl": '{"a":3}\n', ".hidden/train.jsonl": "no", "README.md": "plain" },
      "org/folders": { "data/train/part-0.csv": "x,y\n1,2\n", "data/train/part-1.csv": "x,y\n3,4\n", "data/test/part.csv": "x,y\n5,6\n" },
      "org/shards": {
        "data/train-00000-of-00002.parquet": pairs(2),
        "data/train-00001-of-00002.parquet": pairs(3),
        "data/extra-00000-of-00001.parquet": pairs(1),
      },
      "org/one": { "things.txt": "a\nb\n", LICENSE: "x" },
    });
    assert.deepEqual(lengths(await loadDataset("org/names")), { train: 2, validation: 1 });
    assert.deepEqual(lengths(await loadDataset("org/folders")), { train: 2, test: 1 });
    assert.deepEqual(lengths(await loadDataset("org/shards")), { train: 5, extra: 1 });
    assert.deepEqual(lengths(await loadDataset("org/one")), { train: 2 });
    await assert.rejects(loadDataset("org/one", "nope"), { code: "ERR_DATASET_CONFIG", message: /configs are default/ });
  });

  it("reads every form of data_files, data_dir, the default config and options of its format", async () => {
    await using _ = await start({
      "org/forms": {
        "README.md": readme(`configs:
- config_name: text
  data_files: notes/*.txt
- config_name: list
  data_files: [a/one.jsonl, "a/t*.jsonl"]
- config_name: tabs
  default: true
  data_dir: tabs
  sep: "\\t"
- config_name: deep
  data_files:
  - split: train
    path: ["a/**/*.jsonl"]`),
        "notes/x.txt": "a\nb",
        "a/one.jsonl": '{"v":1}\n',
        "a/two.jsonl": '{"v":2}\n',
        "a/b/c/three.jsonl": '{"v":3}\n',
        "tabs/train.csv": "x\ty\n1\t2\n",
        "tabs/test.csv": "x\ty\n3\t4\n",
      },
    });
    assert.deepEqual(lengths(await loadDataset("org/forms", "text")), { train: 2 });
    assert.deepEqual(lengths(await loadDataset("org/forms", "list")), { train: 2 });
    assert.deepEqual(lengths(await loadDataset("org/forms", "deep")), { train: 3 });
    const tabs = await loadDataset("org/forms");
    assert.deepEqual(tabs.get("test").at(0), { x: 3, y: 4 });
    const own = await loadDataset("org/forms", { dataFiles: { some: "a/two.jsonl" } });
    assert.deepEqual(own.get("some").at(0), { v: 2 });
    await assert.rejects(loadDataset("org/forms", { dataFiles: "b/*.jsonl" }), { code: "ERR_FILE_NOT_FOUND", message: /it holds README\.md, a\/b\/c\/three/ });
  });

  it("takes the hub's conversion of what a script makes", async () => {
    await using test = await start({ "e9t/nsmc": { "nsmc.py": "import datasets", "README.md": "x" }, "org/odd": { "odd.py": "" } });
    const files = { "default/train/0000.parquet": pairs(4), "default/train/0001.parquet": pairs(2), "default/test/0000.parquet": pairs(1) };
    test.hub.commit("e9t/nsmc", files, { type: "dataset", revision: "refs/convert/parquet" });
    assert.deepEqual(lengths(await loadDataset("nsmc")), { train: 6, test: 1 });
    await assert.rejects(loadDataset("org/odd"), { code: "ERR_DATASET_SCRIPT", message: /scripts are not run.*refs\/convert\/parquet/ });
  });

  it("is found under an old name that has no new one here, and what its README names goes before its script", async () => {
    await using test = await start({ glue: { ...glue, "glue.py": "import datasets" } });
    assert.deepEqual(lengths(await loadDataset("glue", "rte")), { train: 2 });
    await test.hub.close();
    assert.deepEqual(lengths(await loadDataset("glue", "rte")), { train: 2 });
  });

  it("is an address, too, of a whole or of files", async () => {
    await using test = await start({ "nyu-mll/glue": glue });
    assert.deepEqual(lengths(await loadDataset("hf://datasets/nyu-mll/glue", "rte")), { train: 2 });
    const files = await loadDataset("parquet", {
      dataFiles: { some: "hf://datasets/nyu-mll/glue/mrpc/train-*", other: "hf://datasets/nyu-mll/glue@main/rte/*.parquet" },
    });
    assert.deepEqual(lengths(files), { some: 9, other: 2 });
    await assert.rejects(loadDataset("parquet", { dataFiles: "hf://datasets/nyu-mll/glue/none/*" }), {
      code: "ERR_FILE_NOT_FOUND",
      message: /it holds README/,
    });
    await assert.rejects(loadDataset("parquet", { dataFiles: "hf://nonsense" }), { code: "ERR_FILE_NOT_FOUND" });
    assert.equal(test.hub.log.filter((line) => line.includes("/tree/")).length, 1);
  });

  it("opens what the cache has when nothing may be asked", async () => {
    await using test = await start({ "nyu-mll/glue": glue });
    const offline = () => loadDataset("glue", "mrpc", { split: "validation" });
    process.env.HF_HUB_OFFLINE = "1";
    await assert.rejects(offline(), { code: "ERR_DATASET_NOT_FOUND", message: /HF_HUB_OFFLINE/ });
    delete process.env.HF_HUB_OFFLINE;
    await offline();
    process.env.HF_HUB_OFFLINE = "1";
    const asked = test.hub.requests.length;
    assert.equal((await offline()).length, 3);
    assert.equal(test.hub.requests.length, asked);
    await assert.rejects(loadDataset("glue", "mrpc"), {
      code: "ERR_HUB_LOCAL_ENTRY_NOT_FOUND",
      message: /mrpc\/train-00000-of-00002\.parquet and 1 more|mrpc\/train-00000-of-00002\.parquet, mrpc\/train/,
    });
    // Nobody answers: the same, with a warning.
    delete process.env.HF_HUB_OFFLINE;
    await test.hub.close();
    assert.equal((await offline()).length, 3);
  });

  it("says that there is neither a folder nor such a data set", async () => {
    await using _ = await start({ "org/bad": { "README.md": readme("configs: 3"), "x.csv": "a\n1\n" }, "org/empty": { "x.bin": "" } });
    await assert.rejects(loadDataset("org/nothing"), { code: "ERR_DATASET_NOT_FOUND", message: /there is no folder org\/nothing in .*repository not found/ });
    await assert.rejects(loadDataset("./nothing"), { code: "ERR_DATASET_NOT_FOUND" });
    await assert.rejects(loadDataset("org/bad"), { code: "ERR_DATASET_CARD" });
    await assert.rejects(loadDataset("org/empty"), { code: "ERR_DATASET_NOT_FOUND", message: /no data files/ });
  });

  const shared = join(packageRoot(), "../shared/data/mrpc");
  it("gives MRPC as the tutorials see it", { skip: existsSync(shared) ? false : "there is no shared/data/mrpc" }, async () => {
    const parquet = (split: string) => ({ lfs: readFileSync(join(shared, `${split}-00000-of-00001.parquet`)) });
    const files = Object.fromEntries(["train", "validation", "test"].map((split) => [`mrpc/${split}-00000-of-00001.parquet`, parquet(split)]));
    const yaml = `configs:\n- config_name: mrpc\n  data_files:\n${["train", "validation", "test"].map((split) => `  - split: ${split}\n    path: mrpc/${split}-*`).join("\n")}`;
    await using _ = await start({ "nyu-mll/glue": { "README.md": readme(yaml), ...files } });
    const raw = await loadDataset("glue", "mrpc");
    assert.deepEqual(lengths(raw), { train: 3668, validation: 408, test: 1725 });
    assert.deepEqual(raw.get("validation").at(0).idx, 9);
    assert.equal(String(raw.get("train").features.label), "ClassLabel(names=['not_equivalent', 'equivalent'])");
  });
});

// One cache for Python's huggingface_hub and us, both ways, and Python's client against the tests' hub. Runs where ACCELERATE_TS_TEST_PYTHON names a Python with datasets.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { parquetWriteBuffer } from "hyparquet-writer";
import { resolveHubDataset } from "../../src/data/load/hub-dataset.js";
import { hubDownload, hubSnapshot, modelFiles, resolvePretrained } from "../../src/hub/index.js";
import { type HubOfTest, noise, startHub } from "./hub-support.js";

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const guard = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" };
/** The hub answers from this process, so nothing may block it. */
async function run({ hub, cacheDir }: HubOfTest, code: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const others = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^HF_/.test(name)));
  const settings = { HF_ENDPOINT: hub.url, HF_HOME: cacheDir, HF_HUB_CACHE: cacheDir, HF_HUB_DISABLE_PROGRESS_BARS: "1", HF_HUB_DISABLE_XET: "1", ...env };
  const { stdout } = await promisify(execFile)(python!, ["-c", code], { env: { ...others, ...settings } });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
const files = { "config.json": "{}", "deep/model.safetensors": { lfs: noise(50_000) } };

describe("Python", guard, () => {
  it("finds in the cache what we have fetched", async () => {
    await using test = await startHub();
    const commit = test.hub.commit("org/tiny", files);
    const folder = await hubSnapshot({ repo: "org/tiny" }, test.options);
    await assert.rejects(hubDownload({ repo: "org/tiny", filename: "nothing.txt" }, test.options));
    const found = await run(
      test,
      `
import json, warnings
warnings.simplefilter("error")
from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir, try_to_load_from_cache, _CACHED_NO_EXIST
info = scan_cache_dir()
repo, = info.repos
revision, = repo.revisions
print(json.dumps([
  hf_hub_download("org/tiny", "deep/model.safetensors"), snapshot_download("org/tiny"), [str(w) for w in info.warnings],
  repo.repo_id, repo.repo_type, repo.size_on_disk, revision.commit_hash, sorted(revision.refs), sorted(str(f.file_path) for f in revision.files),
  try_to_load_from_cache("org/tiny", "nothing.txt") is _CACHED_NO_EXIST]))`,
      { HF_HUB_OFFLINE: "1" },
    );
    const paths = [`${folder}/config.json`, `${folder}/deep/model.safetensors`];
    assert.deepEqual(found, [paths[1], folder, [], "org/tiny", "model", 50_002, commit, ["main"], paths, true]);
  });

  it("fetches for us, and asks the tests' hub as the real one", async () => {
    await using test = await startHub();
    test.hub.commit("org/tiny", { ...files, "model.safetensors": { lfs: noise(1000) } });
    test.hub.pageSize = 2;
    const code = `
import json
from huggingface_hub import hf_hub_download, snapshot_download, errors
def fault(**args):
    try: hf_hub_download(**args)
    except Exception as e: return type(e).__name__
print(json.dumps([hf_hub_download("org/tiny", "config.json"), snapshot_download("org/tiny", allow_patterns="*.safetensors"),
  fault(repo_id="org/tiny", filename="no"), fault(repo_id="org/tiny", filename="config.json", revision="v9"), fault(repo_id="org/none", filename="x")]))`;
    const [file, folder, ...faults] = (await run(test, code)) as string[];
    assert.deepEqual(faults, ["RemoteEntryNotFoundError", "RevisionNotFoundError", "RepositoryNotFoundError"]);
    const offline = { ...test.options, localFilesOnly: true };
    assert.equal(await hubDownload({ repo: "org/tiny", filename: "config.json" }, offline), file);
    assert.equal(await resolvePretrained("org/tiny", modelFiles, offline), folder);
    // What Python has is not fetched again.
    const fetched = () => test.hub.log.filter((line) => line.startsWith("GET") && !line.includes("/api/")).length;
    const before = fetched();
    assert.equal(await hubSnapshot({ repo: "org/tiny" }, test.options), folder);
    assert.equal(fetched(), before);
  });

  it("loads the same data set, and its files are ours", async () => {
    await using test = await startHub();
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "text", data: ["a", "b", "c"], type: "STRING" },
          { name: "label", data: [0n, 1n, 0n], type: "INT64" },
        ],
      }),
    );
    const card = `---
dataset_info:
  config_name: one
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
configs:
- config_name: one
  data_files:
  - split: train
    path: one/train-*
---
`;
    test.hub.commit("org/data", { "README.md": card, "one/train-00000-of-00001.parquet": { lfs: bytes } }, { type: "dataset" });
    const code = `
import json, datasets
d = datasets.load_dataset("org/data", "one")
print(json.dumps([str(d["train"].features["label"]), d["train"]["label"][:]]))`;
    assert.deepEqual(await run(test, code), ["ClassLabel(names=['neg', 'pos'])", [0, 1, 0]]);
    const ours = await resolveHubDataset("loadDataset", "org/data", "one", { ...test.options, localFilesOnly: true });
    await ours.fetch(["train"]);
    assert.deepEqual(readFileSync(ours.splits[0]![1][0]!), Buffer.from(bytes));
    assert.equal(String(ours.features!.label), "ClassLabel(names=['neg', 'pos'])");
    assert.ok(dirname(ours.splits[0]![1][0]!).includes("datasets--org--data"));
  });
});

// The hub's smaller parts: settings, patterns as Python's, the progress line, links where there are none.
import assert from "node:assert/strict";
import { lstatSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { hubSettings } from "../../src/config.js";
import { RepoCache } from "../../src/hub/cache.js";
import { hubDownload } from "../../src/hub/index.js";
import { etagName } from "../../src/hub/names.js";
import { filterNames, fnmatch, globPath } from "../../src/hub/patterns.js";
import { Downloads, downloadLine, sizeText } from "../../src/hub/progress.js";
import { startHub } from "./hub-support.js";

describe("Settings of the hub", () => {
  it("are those of huggingface_hub", () => {
    const plain = hubSettings({ HOME: "/home/me" });
    assert.equal(plain.cache, "/home/me/.cache/huggingface/hub");
    assert.equal(plain.datasetsCache, "/home/me/.cache/huggingface/datasets");
    assert.equal(plain.tokenPath, "/home/me/.cache/huggingface/token");
    assert.equal(plain.endpoint, "https://huggingface.co");
    assert.deepEqual([plain.offline, plain.datasetsOffline, plain.progress, plain.implicitToken, plain.token], [false, false, true, true, undefined]);
    assert.ok(hubSettings({}).home.startsWith(homedir()));
    assert.equal(hubSettings({ XDG_CACHE_HOME: "/x" }).home, "/x/huggingface");
    const home = hubSettings({ HF_HOME: "~/hf/$WHO", HOME: "/h", WHO: "me", HUGGINGFACE_HUB_CACHE: "/old" });
    assert.deepEqual([home.home, home.cache, home.datasetsCache], ["/h/hf/me", "/old", "/h/hf/me/datasets"]);
    assert.equal(hubSettings({ HF_HUB_CACHE: "/new", HUGGINGFACE_HUB_CACHE: "/old" }).cache, "/new");
    assert.equal(hubSettings({ HF_TOKEN: " a\n", HUGGING_FACE_HUB_TOKEN: "b" }).token, "a");
    assert.equal(hubSettings({ HF_ENDPOINT: "http://x/" }).endpoint, "http://x");
    assert.equal(hubSettings({ HF_HUB_OFFLINE: "true" }).datasetsOffline, true);
    assert.deepEqual([hubSettings({ TRANSFORMERS_OFFLINE: "1" }).offline, hubSettings({ HF_HUB_OFFLINE: "0" }).offline], [true, false]);
    const sets = hubSettings({ HF_DATASETS_OFFLINE: "1", DO_NOT_TRACK: "1", HF_HUB_DOWNLOAD_TIMEOUT: "30" });
    assert.deepEqual([sets.offline, sets.datasetsOffline, sets.telemetry, sets.downloadTimeoutMs, sets.etagTimeoutMs], [false, true, false, 30_000, 10_000]);
  });
});

describe("Patterns", () => {
  it("match as Python's fnmatch", () => {
    const cases: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
      ["*.json", ["a.json", "deep/a.json", ".json"], ["a.jsonl", "A.JSON"]],
      ["data/*", ["data/a", "data/b/c"], ["data", "xdata/a"]],
      ["a?c", ["abc", "a/c"], ["ac", "abbc"]],
      ["[a-c]x", ["ax", "cx"], ["dx", "x"]],
      ["[!a-c]x", ["dx", "!x"], ["ax"]],
      ["[]x]", ["]", "x"], ["[]x]"]],
      ["[x", ["[x"], ["x"]],
      ["a**b", ["ab", "a//b"], ["a"]],
      ["ü*", ["üx", "ü😀"], ["u"]],
    ];
    for (const [pattern, yes, no] of cases) {
      for (const name of yes) assert.ok(fnmatch(pattern)(name), `${pattern} takes ${name}`);
      for (const name of no) assert.ok(!fnmatch(pattern)(name), `${pattern} does not take ${name}`);
    }
    assert.deepEqual(filterNames(["a/x", "a/y", "b"], { allowPatterns: "a/", ignorePatterns: ["*y"] }), ["a/x"]);
  });

  it("of paths match as fsspec's globs", () => {
    const cases: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
      ["mrpc/train-*", ["mrpc/train-0.parquet", "mrpc/train-"], ["mrpc/train-a/b", "x/mrpc/train-0"]],
      ["**/train*", ["train.csv", "a/b/train.csv"], ["a/xtrain.csv"]],
      ["a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]],
      ["**", ["x", "x/y"], []],
      ["*", ["x"], ["x/y"]],
      ["a/**/c", ["a/c", "a/b/b/c"], ["a/b", "c"]],
      ["a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]],
      ["t[ae]st.?sv", ["test.csv", "tast.tsv"], ["test./sv"]],
    ];
    for (const [pattern, yes, no] of cases) {
      for (const name of yes) assert.ok(globPath(pattern)(name), `${pattern} takes ${name}`);
      for (const name of no) assert.ok(!globPath(pattern)(name), `${pattern} does not take ${name}`);
    }
  });

  it("take the same as a regular expression, in linear time", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "/", ".") });
    const patterns = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(patterns, letters, (pattern, name) => {
        const regex = new RegExp(`^${pattern.replaceAll("?", "[^]").replaceAll("*", "[^]*")}$`);
        assert.equal(fnmatch(pattern)(name), regex.test(name));
      }),
    );
    // Backtracking would take longer than the age of the world.
    assert.equal(fnmatch("*a".repeat(60))(`${"a".repeat(4000)}b`), false);
    assert.equal(globPath("**/*a".repeat(60))(`${"a/".repeat(1000)}b`), false);
  });
});

describe("Etags", () => {
  it("name files, whatever a server sends", () => {
    assert.equal(etagName('"abc"'), "abc");
    assert.equal(etagName('W/"abc"'), "abc");
    assert.equal(etagName(""), undefined);
    assert.equal(etagName(null), undefined);
    for (const odd of ['"../x"', '".."', `"${"a".repeat(400)}"`, '"a/b"']) assert.match(etagName(odd)!, /^[0-9a-f]{40}-etag$/);
  });
});

describe("Progress of downloads", () => {
  it("reads as tqdm's", () => {
    const state = { name: "model.safetensors", done: 90_900_000, total: 90_900_000, seconds: 1.3, rate: 70e6 };
    assert.equal(downloadLine(state, 80), `model.safetensors: 100%|${"█".repeat(19)}| 90.9M/90.9M [00:01<00:00, 70.0MB/s]`);
    assert.equal(downloadLine({ ...state, done: 45e6 }, 60), "model.safetensors:  49%| 45.0M/90.9M [00:01<00:00, 70.0MB/s]");
    assert.equal(downloadLine({ ...state, done: 500, total: undefined, rate: 0 }, 60), "model.safetensors: 500B [00:01, ?B/s]");
    assert.equal(downloadLine({ ...state, name: `${"x".repeat(60)}\n`, total: 0, done: 0 }, 20).includes("\n"), false);
    assert.deepEqual([0, 999, 1000, 9994, 99_950, 1.5e12].map(sizeText), ["0", "999", "1.00k", "9.99k", "100k", "1.50T"]);
  });

  it("moves one line on a terminal and ends each file with one", () => {
    let now = 0;
    const written: string[] = [];
    const terminal = { isTTY: true, columns: 60, color: false, write: (text: string) => void written.push(text), now: () => now };
    const downloads = new Downloads(true, terminal);
    const [a, b] = [downloads.file("a"), downloads.file("b")];
    a.begin(0, 100);
    b.begin(50, 100);
    now = 1000;
    a.add(10);
    b.add(50);
    b.end(true);
    a.end(false);
    const out = written.join("");
    assert.deepEqual(out.match(/[ab]: +\d+%/g), ["a:  10%", "b: 100%"]);
    assert.ok(out.includes("| 100/100 [00:01<00:00, 50B/s]\x1b[K\n"));
  });
});

describe("A cache without links", () => {
  it("holds copies", async () => {
    await using test = await startHub();
    test.hub.commit("org/tiny", { "config.json": "{}" });
    process.env.HF_HUB_DISABLE_SYMLINKS = "1";
    try {
      const path = await hubDownload({ repo: "org/tiny", filename: "config.json" }, test.options);
      assert.equal(lstatSync(path).isSymbolicLink(), false);
      assert.equal(readFileSync(path, "utf8"), "{}");
      const cache = new RepoCache(test.cacheDir, "org/tiny", "model", true);
      const blob = readFileSync(join(cache.folder, "blobs", "9e26dfeeb6e641a33dae4961196235bdb965b21b"), "utf8");
      assert.equal(blob, "{}");
    } finally {
      delete process.env.HF_HUB_DISABLE_SYMLINKS;
    }
  });
});

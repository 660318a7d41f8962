// hubDownload against a hub on this machine: what lands in the cache, what is asked, tokens, errors.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hubDownload } from "../../src/hub/index.js";
import { failing, noise, startHub } from "./hub-support.js";

const weights = noise(200_000);

describe("A file of the hub", () => {
  it("lands in Python's layout and is not asked for again but for its etag", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    const commit = hub.commit("org/tiny", { "config.json": '{"a":1}', "deep/er/model.safetensors": { lfs: weights } });
    const file = { repo: "org/tiny", filename: "deep/er/model.safetensors" };
    const path = await hubDownload(file, options);
    const folder = join(cacheDir, "models--org--tiny");
    assert.equal(path, join(folder, "snapshots", commit, "deep", "er", "model.safetensors"));
    assert.match(readlinkSync(path), /^\.\.\/\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    assert.deepEqual(readFileSync(path), weights);
    assert.equal(readFileSync(join(folder, "refs", "main"), "utf8"), commit);
    const asked = hub.requests.length;
    assert.equal(await hubDownload(file, options), path);
    assert.equal(hub.requests.length, asked + 1);
    // A commit does not change: nothing is asked.
    assert.equal(await hubDownload({ ...file, revision: commit }, options), path);
    assert.equal(hub.requests.length, asked + 1);
    assert.equal(readFileSync(await hubDownload({ repo: "org/tiny", filename: "config.json" }, options), "utf8"), '{"a":1}');
  });

  it("is new when the branch moved, and shares the blobs that did not change", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.commit("org/tiny", { "a.txt": "one", "same.bin": { lfs: weights } });
    const file = { repo: "org/tiny", filename: "a.txt" };
    assert.equal(readFileSync(await hubDownload(file, options), "utf8"), "one");
    await hubDownload({ ...file, filename: "same.bin" }, options);
    const commit = hub.commit("org/tiny", { "a.txt": "two", "same.bin": { lfs: weights } });
    const path = await hubDownload(file, options);
    assert.equal(readFileSync(path, "utf8"), "two");
    assert.ok(path.includes(commit));
    await hubDownload({ ...file, filename: "same.bin" }, options);
    assert.equal(hub.requests.filter(({ host }) => host === "storage").length, 1);
  });

  it("of a data set, a tag or an old name is found, too", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    hub.commit("org/data", { "a.csv": "x\n1\n" }, { type: "dataset", revision: "refs/convert/parquet" });
    const path = await hubDownload({ repo: "org/data", type: "dataset", filename: "a.csv", revision: "refs/convert/parquet" }, options);
    assert.ok(path.startsWith(join(cacheDir, "datasets--org--data", "snapshots")));
    assert.ok(hub.log.includes("HEAD /datasets/org/data/resolve/refs%2Fconvert%2Fparquet/a.csv"));
    hub.commit("google-bert/bert", { "config.json": "{}" });
    hub.alias("bert", "google-bert/bert");
    assert.ok((await hubDownload({ repo: "bert", filename: "config.json" }, options)).startsWith(join(cacheDir, "models--bert", "snapshots")));
  });

  it("gets the token from the hub's own host alone", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.tokens.add("hf_secret");
    hub.commit("org/closed", { "w.bin": { lfs: weights } }, { private: true });
    await hubDownload({ repo: "org/closed", filename: "w.bin" }, { ...options, token: "hf_secret" });
    assert.deepEqual(
      hub.requests.map(({ host, token }) => [host, token]),
      [
        ["hub", "hf_secret"],
        ["storage", undefined],
      ],
    );
  });

  it("gets the token of the environment or of a login, unless none is wanted", async () => {
    await using test = await startHub();
    const { hub, cacheDir } = test;
    for (const token of ["hf_file", "hf_env"]) hub.tokens.add(token);
    hub.commit("org/tiny", { "config.json": "{}" });
    const sent = async (env: Readonly<Record<string, string>>, token?: boolean) => {
      Object.assign(process.env, { HF_TOKEN_PATH: join(cacheDir, "token"), ...env });
      try {
        await hubDownload({ repo: "org/tiny", filename: "config.json" }, { ...test.options, token });
      } finally {
        for (const name of ["HF_TOKEN_PATH", ...Object.keys(env)]) delete process.env[name];
      }
      return hub.requests.at(-1)?.token;
    };
    await assert.rejects(sent({}, true), failing("ERR_HUB_TOKEN", /set HF_TOKEN/));
    assert.equal(await sent({}), undefined);
    writeFileSync(join(cacheDir, "token"), "hf_file\n");
    assert.equal(await sent({}), "hf_file");
    assert.equal(await sent({ HF_TOKEN: "hf_env" }), "hf_env");
    assert.equal(await sent({ HF_TOKEN: "hf_env" }, false), undefined);
    assert.equal(await sent({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }), undefined);
    assert.equal(await sent({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, true), "hf_file");
  });

  it("is fetched anew when that is wanted", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.commit("org/tiny", { "w.bin": { lfs: weights } });
    const file = { repo: "org/tiny", filename: "w.bin" };
    const path = await hubDownload(file, options);
    writeFileSync(path, "spoilt");
    assert.equal(await hubDownload(file, { ...options, forceDownload: true }), path);
    assert.deepEqual(readFileSync(path), weights);
  });

  it("is not looked for in circles", async () => {
    await using test = await startHub();
    test.hub.alias("org/a", "org/a");
    await assert.rejects(hubDownload({ repo: "org/a", filename: "x" }, test.options), failing("ERR_HUB_HTTP", /redirects more than 20 times/));
    test.hub.fail({ path: /./, status: 302, headers: { location: "file:///etc/passwd" } });
    await assert.rejects(hubDownload({ repo: "org/b", filename: "x" }, test.options), failing("ERR_HUB_HTTP", /redirects to file:/));
  });

  it("that is not there, or not for us, is an error that says which and what to do", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    const commit = hub.commit("org/tiny", { "config.json": "{}" });
    hub.commit("org/gated", { "config.json": "{}" }, { gated: true });
    hub.commit("org/closed", { "config.json": "{}" }, { private: true });
    hub.tokens.add("hf_known");
    const get = (repo: string, more = {}, filename = "config.json") => hubDownload({ repo, filename }, { ...options, ...more });
    await assert.rejects(get("org/tiny", {}, "nothing.json"), failing("ERR_HUB_ENTRY_NOT_FOUND", /nothing\.json: no such file in the repository \(404/));
    assert.equal(readFileSync(join(cacheDir, "models--org--tiny", ".no_exist", commit, "nothing.json"), "utf8"), "");
    await assert.rejects(get("org/tiny", { revision: "v9" }), failing("ERR_HUB_REVISION_NOT_FOUND"));
    await assert.rejects(get("org/none"), failing("ERR_HUB_REPOSITORY_NOT_FOUND", /HF_TOKEN/));
    await assert.rejects(get("org/closed"), failing("ERR_HUB_REPOSITORY_NOT_FOUND"));
    await assert.rejects(get("org/gated"), failing("ERR_HUB_GATED", /give a token/));
    await assert.rejects(get("org/gated", { token: "hf_known" }), failing("ERR_HUB_GATED", /ask for access at http.*\/org\/gated$/));
    await assert.rejects(get("org/tiny", { token: "hf_wrong" }), failing("ERR_HUB_TOKEN", /does not take the token/));
    await assert.rejects(get("org/tiny", { token: "hf\nwrong" }), failing("ERR_HUB_TOKEN"));
  });

  it("whose name leaves its folder is refused before anything is asked", async () => {
    await using test = await startHub();
    for (const filename of ["../x", "a/../../x", "/etc/passwd", "a//b", "C:/x", "a\\..\\x", "", "a\0b", "."])
      await assert.rejects(hubDownload({ repo: "org/tiny", filename }, test.options), failing("ERR_HUB_NAME"));
    for (const repo of ["../x", "a/b/c", "a--b", "", ".x", "x.git", "a b", "ä"])
      await assert.rejects(hubDownload({ repo, filename: "x" }, test.options), failing("ERR_HUB_NAME"));
    for (const revision of ["../../x", "/x", ""])
      await assert.rejects(hubDownload({ repo: "a", filename: "x" }, { ...test.options, revision }), failing("ERR_HUB_NAME"));
    assert.equal(test.hub.requests.length, 0);
  });

  it("comes from the cache when nothing may be asked, or nobody answers", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    hub.commit("org/tiny", { "config.json": "{}", "other.json": "{}" });
    const file = { repo: "org/tiny", filename: "config.json" };
    await assert.rejects(hubDownload(file, { ...options, localFilesOnly: true }), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", /localFilesOnly is set/));
    const path = await hubDownload(file, options);
    const asked = hub.requests.length;
    assert.equal(await hubDownload(file, { ...options, localFilesOnly: true }), path);
    assert.equal(hub.requests.length, asked);
    hub.fail({ path: /./, status: 503 });
    assert.equal(await hubDownload(file, options), path);
    await hub.close();
    assert.equal(await hubDownload(file, options), path);
    // A reference that is damaged is none.
    writeFileSync(join(cacheDir, "models--org--tiny", "refs", "main"), "nonsense");
    await assert.rejects(hubDownload(file, { ...options, localFilesOnly: true }), failing("ERR_HUB_LOCAL_ENTRY_NOT_FOUND"));
  });

  it("in a cache that cannot be written is an error that names the folder", async () => {
    await using test = await startHub();
    const { hub, options, cacheDir } = test;
    hub.commit("org/tiny", { "config.json": "{}" });
    mkdirSync(join(cacheDir, "models--org--tiny"));
    writeFileSync(join(cacheDir, "models--org--tiny", "blobs"), "");
    await assert.rejects(hubDownload({ repo: "org/tiny", filename: "config.json" }, options), failing("ERR_HUB_CACHE", /models--org--tiny.*HF_HOME/));
  });

  it("is of no hub where an answer names no commit", async () => {
    await using test = await startHub();
    const { hub, options } = test;
    hub.fail({ path: /resolve/, status: 200 });
    await assert.rejects(hubDownload({ repo: "org/tiny", filename: "config.json" }, options), failing("ERR_HUB_HTTP", /not of a hub.*HF_ENDPOINT/));
  });
});

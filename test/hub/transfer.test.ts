// Downloads over connections that fail: resumed, tried again, checked, locked among processes, ended when nothing comes.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { downloadFile, hubDownload } from "../../src/hub/index.js";
import { failing, noise, startHub } from "./hub-support.js";

const weights = noise(500_000);
const digest = (algorithm: string, bytes = weights) => createHash(algorithm).update(bytes).digest("hex");
const sha256 = digest("sha256");
const stored = /^\/[0-9a-f]{64}/;
const file = { repo: "org/tiny", filename: "model.safetensors" };
async function start() {
  const test = await startHub();
  test.hub.commit("org/tiny", { "model.safetensors": { lfs: weights }, "plain.txt": "plain" });
  const blobs = join(test.cacheDir, "models--org--tiny", "blobs");
  return { ...test, blobs, ranges: () => test.hub.requests.filter(({ host }) => host === "storage").map(({ range }) => range) };
}

describe("A download", () => {
  it("goes on where the connection was cut", async () => {
    await using test = await start();
    test.hub.fail({ path: stored, cutAfter: 100_000 });
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
    const [, second] = test.ranges();
    const from = Number(/^bytes=(\d+)-$/.exec(second ?? "")?.[1]);
    assert.ok(from > 0 && from <= 100_000, `range ${second}`);
    assert.deepEqual(readdirSync(test.blobs), [sha256]);
  });

  it("goes on with what a process before it left, but not with something else", async () => {
    await using test = await start();
    mkdirSync(test.blobs, { recursive: true });
    writeFileSync(join(test.blobs, `${sha256}.incomplete`), weights.subarray(0, 123_456));
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
    assert.deepEqual(test.ranges(), ["bytes=123456-"]);
    await using other = await start();
    mkdirSync(other.blobs, { recursive: true });
    writeFileSync(join(other.blobs, `${sha256}.incomplete`), noise(123_456, 9));
    assert.deepEqual(readFileSync(await hubDownload(file, other.options)), weights);
    assert.deepEqual(other.ranges(), ["bytes=123456-", undefined]);
  });

  it("starts again where the server gives no ranges", async () => {
    await using test = await start();
    test.hub.fail({ path: stored, cutAfter: 100_000 });
    test.hub.fail({ path: stored, whole: true });
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
  });

  it("waits as long as a busy server asks, and gives up when it asks for too long", async () => {
    await using test = await start();
    test.hub.fail({ path: /resolve/, method: "HEAD", status: 429, headers: { "retry-after": "0" }, times: 3 });
    test.hub.fail({ path: stored, status: 503, headers: { "retry-after": "0" } });
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
    test.hub.fail({ path: /plain/, status: 429, headers: { ratelimit: '"api";r=0;t=4000' }, times: 2 });
    await assert.rejects(hubDownload({ ...file, filename: "plain.txt" }, test.options), failing("ERR_HUB_HTTP", /too many requests.*wait for 4000 s/));
    test.hub.fail({ path: /plain/, status: 500, headers: { "retry-after": "0" }, times: 99 });
    await assert.rejects(hubDownload({ ...file, filename: "plain.txt" }, test.options), failing("ERR_HUB_HTTP", /cannot answer now \(500/));
  });

  it("asks anew for an address that has run out", async () => {
    await using test = await start();
    test.hub.fail({ path: stored, status: 403 });
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
  });

  it("of another size or content than promised is an error, and leaves nothing", async () => {
    await using test = await start();
    test.hub.fail({ path: /resolve/, size: 400_000 });
    await assert.rejects(hubDownload(file, test.options), failing("ERR_HUB_CONTENT", /should be of 400000 bytes, and the server has 500000/));
    test.hub.fail({ path: stored, garbled: true });
    await assert.rejects(hubDownload(file, test.options), failing("ERR_HUB_CONTENT", new RegExp(`its sha256 should be ${sha256}`)));
    assert.deepEqual(readdirSync(test.blobs), []);
    // No signature of an address stands in a message.
    test.hub.fail({ path: stored, garbled: true });
    await assert.rejects(hubDownload(file, test.options), (error: Error) => !error.message.includes("secret"));
  });

  it("ends when it is aborted, and what came is there for the next", async () => {
    await using test = await start();
    test.hub.fail({ path: stored, stallAfter: 100_000 });
    const controller = new AbortController();
    const download = hubDownload(file, { ...test.options, signal: controller.signal });
    await test.hub.seen(stored);
    controller.abort();
    await assert.rejects(download, { name: "AbortError" });
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
    assert.deepEqual(readdirSync(test.blobs), [sha256]);
  });

  it("does not wait for ever for bytes", async () => {
    await using test = await start();
    const path = join(test.cacheDir, "folder", "x.bin");
    const url = `${test.hub.storageUrl}/${sha256}`;
    test.hub.fail({ path: stored, stallAfter: 100_000 });
    assert.equal(await downloadFile(url, path, { timeoutMs: 2000, progress: false }), true);
    assert.deepEqual(readFileSync(path), weights);
  });

  it("of any address is checked, and not repeated", async () => {
    await using test = await start();
    const path = join(test.cacheDir, "data", "x.zip");
    const url = `${test.hub.storageUrl}/${sha256}`;
    const sha1 = digest("sha1");
    mkdirSync(join(test.cacheDir, "data"));
    writeFileSync(path, "an old file");
    assert.equal(await downloadFile(url, path, { sha1, progress: false }), true);
    assert.equal(await downloadFile(url, path, { sha1: sha1.toUpperCase(), progress: false }), false);
    assert.equal(test.hub.requests.length, 1);
    await assert.rejects(downloadFile(url, path, { sha1: "0".repeat(40), progress: false }), failing("ERR_HUB_CONTENT", /sha1 should be 0000/));
    assert.deepEqual(readFileSync(path), weights);
    assert.deepEqual(readdirSync(join(test.cacheDir, "data")), ["x.zip"]);
    await assert.rejects(downloadFile(`${test.hub.url}/none`, path, { progress: false }), failing("ERR_HUB_ENTRY_NOT_FOUND"));
    await assert.rejects(downloadFile("ftp://x/y", path), failing("ERR_HUB_NAME"));
    // What came of a file without a digest is not gone on with: it does not stay.
    test.hub.fail({ path: stored, stallAfter: 100_000 });
    const controller = new AbortController();
    const asked = test.hub.requests.length;
    const download = downloadFile(url, join(test.cacheDir, "data", "y.zip"), { progress: false, signal: controller.signal });
    while (test.hub.requests.length === asked) await new Promise((done) => setImmediate(done));
    controller.abort();
    await assert.rejects(download, { name: "AbortError" });
    assert.deepEqual(readdirSync(join(test.cacheDir, "data")), ["x.zip"]);
  });

  it("is done once by several processes", async () => {
    await using test = await start();
    const main = fileURLToPath(new URL("./fetch-main.js", import.meta.url));
    const ends = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise<string>((done) => {
            const child = spawn(process.execPath, [main, test.hub.url, test.cacheDir], { stdio: ["ignore", "pipe", "inherit"] });
            let out = "";
            child.stdout.on("data", (text) => {
              out += text;
            });
            child.on("close", () => done(out));
          }),
      ),
    );
    assert.deepEqual(ends, [sha256, sha256, sha256]);
    assert.equal(test.ranges().length, 1);
  });

  it("takes the lock of a process that is gone, and waits for one that lives", async () => {
    await using test = await start();
    const locks = join(test.cacheDir, ".locks", "models--org--tiny");
    const lock = join(locks, `${sha256}.lock.owner`);
    mkdirSync(locks, { recursive: true });
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(lock, JSON.stringify({ host: hostname(), pid, id: "gone" }));
    assert.deepEqual(readFileSync(await hubDownload(file, test.options)), weights);
    assert.equal(existsSync(lock), false);
    // Two of one process, too.
    await using other = await start();
    await Promise.all([hubDownload(file, other.options), hubDownload(file, other.options)]);
    assert.equal(other.ranges().length, 1);
  });
});

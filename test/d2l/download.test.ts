// Downloads of the book from a server on this machine: once, known by their sha1, unpacked without getting out of their folder.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { DATA_HUB, DATA_URL, download, downloadAll, downloadExtract, loadDataSnli } from "../../src/d2l/index.js";
import { extract } from "../../src/d2l/extract.js";
import { zipOf } from "../torch-file/files.js";
import { inFolder, printed, snliText } from "./support.js";

const sha1 = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");

/** Serves files and counts the requests for each; DATA_HUB is as it was afterwards. */
async function served(files: Readonly<Record<string, Uint8Array>>, body: (url: string, counts: Map<string, number>) => Promise<void>): Promise<void> {
  const counts = new Map<string, number>();
  const before = { ...DATA_HUB };
  const server = createServer((request, response) => {
    const name = request.url!.slice(1);
    if (request.method === "GET") counts.set(name, (counts.get(name) ?? 0) + 1);
    const bytes = files[name];
    response.writeHead(bytes ? 200 : 404, { "content-length": bytes?.length ?? 0 }).end(request.method === "GET" ? bytes : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, counts);
  } finally {
    for (const name of Object.keys(DATA_HUB)) delete DATA_HUB[name];
    Object.assign(DATA_HUB, before);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("the book's own files are known", () => {
  assert.equal(DATA_URL, "http://d2l-data.s3-accelerate.amazonaws.com/");
  assert.deepEqual(DATA_HUB["bert.small"], [`${DATA_URL}bert.small.torch.zip`, "c72329e68a732bef0452e4b96a1c341c8910f81f"]);
  assert.deepEqual(DATA_HUB["bert.base"], [`${DATA_URL}bert.base.torch.zip`, "225d66f04cae318b841a13d32af3acc165f253ac"]);
  assert.deepEqual(DATA_HUB.SNLI, ["https://nlp.stanford.edu/projects/snli/snli_1.0.zip", "9fcde07509c7e87ec61c640c1b2753d9041758e4"]);
});

const archive = zipOf({ "tiny.torch/": new Uint8Array(), "tiny.torch/vocab.json": Buffer.from('["<unk>"]'), "tiny.torch/deep/a.txt": Buffer.from("a") });

test("an archive is fetched and unpacked once, and fetched again when its sha1 is another", () =>
  served({ "tiny.torch.zip": archive }, async (url, counts) =>
    inFolder(async (folder) => {
      const cacheDir = join(folder, "data");
      DATA_HUB.tiny = [`${url}tiny.torch.zip`, sha1(archive)];
      const file = join(cacheDir, "tiny.torch.zip");
      let path = "";
      const lines = await printed(async () => {
        path = await downloadExtract("tiny", { cacheDir });
      });
      assert.deepEqual(lines, [`Downloading ${file} from ${url}tiny.torch.zip...`]);
      assert.equal(path, join(cacheDir, "tiny.torch"));
      assert.equal(await readFile(join(path, "vocab.json"), "utf8"), '["<unk>"]');
      assert.equal(await readFile(join(path, "deep", "a.txt"), "utf8"), "a");

      await writeFile(join(path, "mine.txt"), "stays, because nothing is unpacked again");
      assert.deepEqual(await printed(() => downloadExtract("tiny", { cacheDir })), []);
      assert.ok(existsSync(join(path, "mine.txt")));
      assert.equal(counts.get("tiny.torch.zip"), 1);

      await rm(path, { recursive: true });
      assert.equal(await downloadExtract("tiny", { cacheDir }), path);
      assert.ok(existsSync(join(path, "vocab.json")), "what was removed is unpacked again");

      await writeFile(file, "damaged");
      assert.equal((await printed(() => download("tiny", { cacheDir }))).length, 1);
      assert.equal(sha1(await readFile(file)), sha1(archive));
      assert.equal(counts.get("tiny.torch.zip"), 2);
      assert.deepEqual(
        (await readdir(cacheDir)).filter((name) => name.endsWith(".tmp") || name.endsWith(".incomplete")),
        [],
      );
    }),
  ));

const corpus = zipOf({ "snli_1.0/snli_1.0_train.txt": Buffer.from(snliText(40)), "snli_1.0/snli_1.0_test.txt": Buffer.from(snliText(5, 1000)) });

test("SNLI is downloaded, read and batched by one call", () =>
  served({ "snli_1.0.zip": corpus }, async (url) =>
    inFolder(async (folder) => {
      DATA_HUB.SNLI = [`${url}snli_1.0.zip`, sha1(corpus)];
      const lines = await printed(async () => {
        const { trainIter, testIter, vocab } = await loadDataSnli(16, { numSteps: 6, cacheDir: folder });
        assert.deepEqual([trainIter.length, testIter.length], [3, 1]);
        assert.ok(vocab.length > 5);
        for await (const [[premises, hypotheses], labels] of testIter)
          assert.deepEqual([premises.shape, hypotheses.shape, labels.shape], [[5, 6], [5, 6], [5]]);
      });
      assert.deepEqual(lines.slice(1), ["read 40 examples", "read 5 examples"]);
    }),
  ));

test("a file with another sha1 than announced is refused", () =>
  served({ "a.zip": archive }, async (url) =>
    inFolder(async (folder) => {
      DATA_HUB.a = [`${url}a.zip`, "0".repeat(40)];
      await printed(() => assert.rejects(download("a", { cacheDir: folder }), { code: "ERR_HUB_CONTENT" }));
      assert.ok(!existsSync(join(folder, "a.zip")));
    }),
  ));

test("all files of the hub are fetched by one call", () =>
  served({ "a.txt": Buffer.from("a"), "b.txt": Buffer.from("b") }, async (url) =>
    inFolder(async (folder) => {
      for (const name of Object.keys(DATA_HUB)) delete DATA_HUB[name];
      for (const name of ["a", "b"]) DATA_HUB[name] = [`${url}${name}.txt`, sha1(Buffer.from(name))];
      assert.equal((await printed(() => downloadAll({ cacheDir: folder }))).length, 2);
      assert.equal(await readFile(join(folder, "b.txt"), "utf8"), "b");
    }),
  ));

test("names that nobody knows, and addresses without a file, are refused", async () => {
  await assert.rejects(download("bert.tiny"), { code: "ERR_D2L_NAME", message: /bert\.small/ });
  await assert.rejects(download("toString"), { code: "ERR_D2L_NAME" });
  for (const url of ["http://127.0.0.1/", "http://127.0.0.1/a%2F..%2Fb", "http://127.0.0.1/%2e%2e%2f", "nowhere"]) {
    DATA_HUB.bad = [url, "0"];
    await assert.rejects(download("bad"), { code: "ERR_D2L_NAME" }, url);
  }
  delete DATA_HUB.bad;
});

/** A tar archive of one entry each, as of POSIX. */
function tarOf(entries: readonly { readonly name: string; readonly type?: string; readonly link?: string; readonly data?: string }[]): Buffer {
  const blocks = entries.flatMap(({ name, type = "0", link = "", data = "" }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${data.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write(link, 157);
    header.write("ustar\x0000", 257);
    header.write(
      `${header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return data === "" ? [header] : [header, Buffer.concat([Buffer.from(data), Buffer.alloc(512 - (data.length % 512))])];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test("tar and tar.gz are unpacked, into a folder without their extension", () =>
  inFolder(async (folder) => {
    const tar = tarOf([
      { name: "set/", type: "5" },
      { name: "set/a.txt", data: "hello" },
    ]);
    for (const [name, bytes] of [
      ["set.tar", tar],
      ["set.tar.gz", gzipSync(tar)],
      ["set.tgz", gzipSync(tar)],
    ] as const) {
      await writeFile(join(folder, name), bytes);
      await rm(join(folder, "set"), { recursive: true, force: true });
      assert.equal(await extract(join(folder, name), folder), join(folder, "set"));
      assert.equal(await readFile(join(folder, "set", "a.txt"), "utf8"), "hello");
    }
  }));

test("two that unpack the same archive at once see it whole, and leave nothing else", () =>
  inFolder(async (folder) => {
    const file = join(folder, "tiny.torch.zip");
    await writeFile(file, archive);
    const read = async () => readFile(join(await extract(file, folder), "vocab.json"), "utf8");
    assert.deepEqual(await Promise.all([read(), read(), read()]), Array(3).fill('["<unk>"]'));
    assert.deepEqual((await readdir(folder)).sort(), [".tiny.torch.zip.extracted", "tiny.torch", "tiny.torch.zip"]);
  }));

/** A ZIP archive whose only entry says that it is a symbolic link. */
function linkZip(): Uint8Array {
  const bytes = zipOf({ "a/link": Buffer.from("/etc/passwd") });
  const entry = Buffer.from(bytes).indexOf("PK\x01\x02", 0, "latin1");
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(entry + 38, (0o120777 << 16) >>> 0, true);
  return bytes;
}

test("nothing gets out of the folder: ways up, absolute names and links are refused whole", () =>
  inFolder(async (folder) => {
    const archives: Readonly<Record<string, Uint8Array>> = {
      "up.zip": zipOf({ "a/ok.txt": Buffer.from("x"), "../outside.txt": Buffer.from("x") }),
      "deep-up.zip": zipOf({ "a/../../outside.txt": Buffer.from("x") }),
      "absolute.zip": zipOf({ "/tmp/outside.txt": Buffer.from("x") }),
      "backslash.zip": zipOf({ "..\\outside.txt": Buffer.from("x") }),
      "link.zip": linkZip(),
      "up.tar": tarOf([
        { name: "a/ok.txt", data: "x" },
        { name: "../outside.txt", data: "x" },
      ]),
      "absolute.tar": tarOf([{ name: "/tmp/outside.txt", data: "x" }]),
      "link.tar": tarOf([
        { name: "a", type: "2", link: "/tmp" },
        { name: "a/outside.txt", data: "x" },
      ]),
      "hard.tar.gz": gzipSync(tarOf([{ name: "a", type: "1", link: "/etc/passwd" }])),
      "damaged.zip": archive.subarray(0, archive.length - 30),
      "damaged.tar.gz": gzipSync(tarOf([{ name: "a", data: "x" }])).subarray(0, 40),
    };
    for (const [name, bytes] of Object.entries(archives)) {
      const into = join(folder, name.replaceAll(".", "-"), "data");
      await mkdir(into, { recursive: true });
      await writeFile(join(into, name), bytes);
      await assert.rejects(extract(join(into, name), into), { code: "ERR_ARCHIVE" }, name);
      assert.deepEqual(await readdir(into), [name], `${name} leaves nothing`);
      assert.deepEqual(await readdir(join(into, "..")), ["data"]);
    }
    await assert.rejects(extract(join(folder, "a.rar"), folder), { code: "ERR_ARCHIVE", message: /zip, tar and tar\.gz/ });
    assert.ok(!existsSync("/tmp/outside.txt"));
  }));

test("a folder of another name in an archive is named by the caller", () =>
  inFolder(async (folder) => {
    const bytes = zipOf({ "inner/a.txt": Buffer.from("a") });
    await writeFile(join(folder, "outer.zip"), bytes);
    DATA_HUB.outer = ["http://127.0.0.1/outer.zip", sha1(bytes)];
    await assert.rejects(downloadExtract("outer", { cacheDir: folder }), { code: "ERR_ARCHIVE", message: /folder/ });
    const path = await downloadExtract("outer", { cacheDir: folder, folder: "inner" });
    assert.ok((await stat(join(path, "a.txt"))).isFile());
    delete DATA_HUB.outer;
  }));

// What is refused, and how it is said: code, lies about sizes, files of other kinds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readTorchFile } from "../../src/torch-file/index.js";
import { archiveOf, dictPickle, golden, tensorPickle, withFiles, zipOf } from "./files.js";

test("names of code are refused by name, in both formats", async () => {
  for (const name of ["unsafe-call.zip.pt", "unsafe-call.legacy.pt"])
    await assert.rejects(readTorchFile(join(golden, name)), {
      code: "ERR_TORCH_FILE_UNSAFE",
      message: /builtin[s_].*print.*torch\.save\(model\.state_dict\(\), file\)/,
    });
  await assert.rejects(readTorchFile(join(golden, "unsafe-module.zip.pt")), {
    code: "ERR_TORCH_FILE_UNSAFE",
    message: /torch\.nn\.modules\.container\.Sequential/,
  });
  await assert.rejects(readTorchFile(join(golden, "sparse.zip.pt")), { code: "ERR_TORCH_FILE_UNSAFE", message: /_rebuild_sparse_tensor/ });
});

test("element types that cannot be read are named", async () => {
  await assert.rejects(readTorchFile(join(golden, "complex.zip.pt")), { code: "ERR_TORCH_FILE_DTYPE", message: /ComplexFloatStorage/ });
  await assert.rejects(readTorchFile(join(golden, "uint16.zip.pt")), { code: "ERR_TORCH_FILE_UNSAFE", message: /torch\._utils\._rebuild_tensor_v3/ });
});

const storage = { 0: new Uint8Array(8) };
const wide = "x".repeat(3);
/** Pickles and the code of the error that each must give. */
const pickles: Readonly<Record<string, readonly [pickle: string, code: string, message: RegExp]>> = {
  "a system call": [dictPickle("a", "cos\nsystem\n(X\x04\x00\x00\x00truetR"), "ERR_TORCH_FILE_UNSAFE", /"os\.system"/],
  "a built-in by its stack form": [dictPickle("a", "X\x08\x00\x00\x00builtinsX\x04\x00\x00\x00eval\x93)R"), "ERR_TORCH_FILE_UNSAFE", /"builtins\.eval"/],
  "bytes that would be loaded in turn": [dictPickle("a", "ctorch.storage\n_load_from_bytes\n)R"), "ERR_TORCH_FILE_UNSAFE", /_load_from_bytes/],
  "an untyped storage": [dictPickle("a", "ctorch.storage\nUntypedStorage\n)R"), "ERR_TORCH_FILE_UNSAFE", /UntypedStorage/],
  "a call of data": [dictPickle("a", "})R"), "ERR_TORCH_FILE_UNSAFE", /calls a dict/],
  "a storage class that is called": [dictPickle("a", "ctorch\nFloatStorage\n)R"), "ERR_TORCH_FILE_UNSAFE", /calls torch\.FloatStorage/],
  "state for a tensor": [dictPickle("a", `${tensorPickle()}}b`), "ERR_TORCH_FILE_UNSAFE", /sets the state of a tensor/],
  "a name of JavaScript": [dictPickle("a", "cconstructor\nconstructor\n)R"), "ERR_TORCH_FILE_UNSAFE", /constructor\.constructor/],
  "a member of every object": [dictPickle("a", "c__proto__\ntoString\n)R"), "ERR_TORCH_FILE_UNSAFE", /__proto__/],
  "an opcode of protocol 0": ["I1\n.", "ERR_TORCH_FILE_PICKLE", /0x49/],
  "an extension registry": ["\x82\x01.", "ERR_TORCH_FILE_PICKLE", /0x82/],
  "an empty stack": [".", "ERR_TORCH_FILE_PICKLE", /stack is empty/],
  "a memo that was never put": ["h\x05.", "ERR_TORCH_FILE_PICKLE", /remembered as 5/],
  "marks without end": [`${"(".repeat(2000)}.`, "ERR_TORCH_FILE_LIMIT", /1000 marks/],
  "a list that holds itself": ["]q\x00h\x00a.", "ERR_TORCH_FILE_LIMIT", /32 deep/],
  "lists that hold each other many times over": [
    `]${Array.from({ length: 30 }, (_, i) => `q${String.fromCharCode(i)}(${`h${String.fromCharCode(i)}`.repeat(4)}t`).join("")}.`,
    "ERR_TORCH_FILE_LIMIT",
    /1,000,000 values/,
  ],
  "a list as a key": ["}]K\x01s.", "ERR_TORCH_FILE_PICKLE", /a list is a key/],
  "a tuple as a key": ["})K\x01s.", "ERR_TORCH_FILE_FORMAT", /a tuple is the key/],
  "a pickle that is cut off": [dictPickle("a", tensorPickle()).slice(0, 40), "ERR_TORCH_FILE_TRUNCATED", /before it is complete/],
  "text that is no UTF-8": ["X\x02\x00\x00\x00\xff\xfe.", "ERR_TORCH_FILE_PICKLE", /UTF-8/],
  "another protocol": ["\x80\x09.", "ERR_TORCH_FILE_FORMAT", /protocol 9/],
  "a huge whole number": ["\x8b\xff\xff\xff\x7f.", "ERR_TORCH_FILE_LIMIT", /whole number of 2147483647 bytes/],
  "a tensor beyond its storage": [dictPickle("a", tensorPickle({ shape: [3] })), "ERR_TORCH_FILE_TENSOR", /\[3\].*storage of 2/],
  "a stride beyond the storage": [dictPickle("a", tensorPickle({ strides: [2] })), "ERR_TORCH_FILE_TENSOR", /storage of 2/],
  "an offset beyond the storage": [dictPickle("a", tensorPickle({ offset: 1 })), "ERR_TORCH_FILE_TENSOR", /offset 1/],
  "more strides than sizes": [dictPickle("a", tensorPickle({ strides: [1, 1] })), "ERR_TORCH_FILE_TENSOR", /1 sizes.*2 strides/],
  "sizes that overflow": [
    dictPickle("a", tensorPickle({ shape: Array<number>(8).fill(0x7fffffff), strides: Array<number>(8).fill(0) })),
    "ERR_TORCH_FILE_TENSOR",
    /does not fit/,
  ],
  "one element repeated beyond all memory": [dictPickle("a", tensorPickle({ shape: [60000, 60000], strides: [0, 0] })), "ERR_TORCH_FILE_LIMIT", /repeats/],
  "a storage that is longer than its member": [
    dictPickle("a", tensorPickle({ shape: [3], length: 3 })),
    "ERR_TORCH_FILE_TENSOR",
    /has 8 bytes, its tensors need 12/,
  ],
  "a storage that is missing": [dictPickle("a", tensorPickle({ key: wide })), "ERR_TORCH_FILE_FORMAT", /lacks the storage "xxx"/],
  "a way out of the archive": [dictPickle("a", tensorPickle({ key: "../../etc/passwd" })), "ERR_TORCH_FILE_FORMAT", /lacks the storage/],
  "a storage of an unknown class": [dictPickle("a", tensorPickle({ type: "torch\nfloat32" })), "ERR_TORCH_FILE_PICKLE", /class of a storage is torch\.float32/],
};
for (const [name, [pickle, code, message]] of Object.entries(pickles))
  test(`${name} is an error`, () => withFiles(async (write) => assert.rejects(readTorchFile(await write(archiveOf(pickle, storage))), { code, message })));

test("files of other kinds are told apart", () =>
  withFiles(async (write) => {
    const fails = async (bytes: Uint8Array, code: string, message: RegExp) => assert.rejects(readTorchFile(await write(bytes)), { code, message });
    await assert.rejects(readTorchFile(join(golden, "none.pt")), { code: "ERR_TORCH_FILE_OPEN", message: /none\.pt: it cannot be read \(ENOENT\)/ });
    await assert.rejects(readTorchFile(golden), { code: "ERR_TORCH_FILE_OPEN", message: /it is a folder/ });
    await assert.rejects(readTorchFile("/dev/null"), { code: "ERR_TORCH_FILE_OPEN", message: /it is no file/ });
    await fails(new Uint8Array(), "ERR_TORCH_FILE_FORMAT", /empty/);
    await fails(Buffer.from("hello"), "ERR_TORCH_FILE_FORMAT", /no file of torch\.save/);
    await fails(Buffer.concat([Buffer.alloc(257), Buffer.from("ustar")]), "ERR_TORCH_FILE_FORMAT", /tar archive/);
    await fails(zipOf({ "readme.txt": Buffer.from("x") }), "ERR_TORCH_FILE_FORMAT", /0 members data\.pkl/);
    await fails(zipOf({ "a/data.pkl": Buffer.from("N."), "a/constants.pkl": Buffer.from("N.") }), "ERR_TORCH_FILE_FORMAT", /TorchScript/);
    await fails(zipOf({ "a/data.pkl": Buffer.from("N."), "a/byteorder": Buffer.from("big") }), "ERR_TORCH_FILE_FORMAT", /little-endian/);
    await fails(Buffer.from("\x80\x02K\x01.", "latin1"), "ERR_TORCH_FILE_FORMAT", /none of torch\.save/);
    for (const name of ["views.zip.pt", "views.legacy.pt"])
      await fails(readFileSync(join(golden, name)).subarray(0, 600), "ERR_TORCH_FILE_TRUNCATED", /download it again/);
  }));

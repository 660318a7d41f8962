// The register hook: users' TypeScript programs on every supported Node.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { folderOf } from "../data/files.js";

const hook = new URL("../../src/register/index.js", import.meta.url).href;
const run = (file: string, ...flags: string[]) => spawnSync(process.execPath, ["--import", hook, ...flags, file], { encoding: "utf8", timeout: 120_000 });

const lib = `
export interface Point { readonly x: number }
export enum Colour { red = 1, blue }
export const point = (x: number): Point => ({ x });

export function fail(): never {
  throw new TypeError("line seven");
}
`;

test("TypeScript with await using, enums and .js imports of .ts files runs", async (t) => {
  const folder = await folderOf(t, {
    "package.json": '{ "type": "module" }',
    "lib.ts": lib,
    "more.mts": "export const more: number = 3;",
    "old.cts": "const legacy: number = 4; export = { legacy };",
    "main.ts": `import { Colour, type Point, point } from "./lib.js";
      import { more } from "./more.mjs";
      import old from "./old.cjs";
      import { point as same } from "./lib.ts";
      class Held implements AsyncDisposable { constructor(readonly p: Point) {} async [Symbol.asyncDispose](): Promise<void> { console.log("disposed", this.p.x); } }
      await using held = new Held(point(Colour.blue));
      console.log(held.p satisfies Point, more, old.legacy, same === point);`,
  });
  const { stdout, stderr, status } = run(join(folder, "main.ts"));
  assert.deepEqual({ stdout, stderr, status }, { stdout: "{ x: 2 } 3 4 true\ndisposed 2\n", stderr: "", status: 0 });
});

test("stacks name the lines of the TypeScript file, with and without the flag", async (t) => {
  const folder = await folderOf(t, { "lib.ts": lib, "main.ts": 'import { fail } from "./lib.js";\ninterface Filler { a: string; b: string }\n\nfail();\n' });
  for (const flags of [[], ["--enable-source-maps"]]) {
    const { stderr, status } = run(join(folder, "main.ts"), ...flags);
    assert.equal(status, 1);
    assert.match(stderr, /TypeError: line seven/);
    assert.match(stderr, /lib\.ts:7:/);
    assert.match(stderr, /main\.ts:4:/);
  }
});

test("a syntax error names file and line, a missing import the name that was written", async (t) => {
  const folder = await folderOf(t, { "bad.ts": "const x: number = 1;\nconst = 2;\n", "lost.ts": 'import "./nowhere.js";\n' });
  assert.match(run(join(folder, "bad.ts")).stderr, /bad\.ts:2:6/);
  assert.match(run(join(folder, "lost.ts")).stderr, /nowhere\.js/);
});

test("JSON modules, named imports of CommonJS and files with a byte order mark run", async (t) => {
  const folder = await folderOf(t, {
    "package.json": '{ "type": "module" }',
    "data.json": '{ "v": 7 }',
    "old.cts": "export const legacy: number = 4;",
    "main.ts": '\ufeffimport data from "./data.json" with { type: "json" };\nimport { legacy } from "./old.cjs";\nconsole.log(data.v as number, legacy);\n',
  });
  const { stdout, stderr } = run(join(folder, "main.ts"), "--no-warnings");
  assert.deepEqual({ stdout, stderr }, { stdout: "7 4\n", stderr: "" });
});

test("JavaScript that declares resources runs, with its own lines; other JavaScript is left as it is", async (t) => {
  const folder = await folderOf(t, {
    "package.json": '{ "type": "module" }',
    "held.mjs": 'export class Held { async [Symbol.asyncDispose]() { console.log("disposed"); } }\n',
    "main.js":
      'import { Held } from "./held.mjs";\nconst text = "x";\nawait using held = new Held();\nconsole.log(typeof held, text);\nthrow new RangeError("line five");\n',
  });
  const { stdout, stderr, status } = run(join(folder, "main.js"));
  assert.equal(stdout, "object x\ndisposed\n");
  assert.equal(status, 1);
  assert.match(stderr, /main\.js:5:/);
});

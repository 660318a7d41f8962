import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { suite, test } from "node:test";
import { configuredNative, configuredThreads } from "../../src/config.js";
import { ArgumentError } from "../../src/errors.js";
import { packageRoot } from "../../src/package-root.js";
import type { EngineError } from "../../src/runtime/index.js";
import { libraryPath } from "../../src/runtime/library.js";

const compiler = ["c++", "g++", "clang++"].find((name) => spawnSync(name, ["--version"]).status === 0);

/** What opening the engine throws in a fresh process. */
const open = (options: object, env: Record<string, string> = {}) => {
  const script = `
    const { Engine } = await import(${JSON.stringify(new URL("../../src/runtime/index.js", import.meta.url).href)});
    try { const engine = Engine.open(${JSON.stringify(options)}); console.log(JSON.stringify({ threads: engine.threads, telemetry: process.env.ORT_DISABLE_TELEMETRY })); }
    catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env: { ...process.env, ...env } })) as {
    code?: string;
    message: string;
    threads?: number;
  };
};

suite("Opening ONNX Runtime", () => {
  test("a library of an unknown version is refused with both versions and the cure", { skip: compiler === undefined && "no C++ compiler" }, () => {
    const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-"));
    try {
      const source = join(folder, "other.cc");
      const library = join(folder, "libonnxruntime.so.1");
      writeFileSync(
        source,
        `struct Base { const void* (*api)(unsigned); const char* (*version)(); };
         static Base base = {[](unsigned) -> const void* { return nullptr; }, []() { return "1.29.4"; }};
         extern "C" const Base* OrtGetApiBase() { return &base; }`,
      );
      execFileSync(compiler!, ["-std=c++17", "-shared", "-fPIC", source, "-o", library]);
      const { code, message } = open({ library });
      assert.equal(code, "ERR_ENGINE_VERSION");
      assert.match(message, /is ONNX Runtime 1\.29\.4, this package knows 1\.30\.x: .*npm install onnxruntime-node@1\.30\.0/);
      writeFileSync(source, "int nothing;");
      execFileSync(compiler!, ["-shared", "-fPIC", source, "-o", library]);
      assert.match(open({ library }).message, /is not ONNX Runtime/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a library that is not there is named", () => {
    const { code, message } = open({ library: "/nowhere/libonnxruntime.so.1" });
    assert.equal(code, "ERR_ENGINE_LOAD");
    assert.match(message, /\/nowhere\/libonnxruntime\.so\.1/);
    assert.throws(
      () => libraryPath("win32", "x64"),
      (error: EngineError) => error.code === "ERR_ENGINE_LOAD" && error.message.includes("win32-x64"),
    );
  });

  test("a missing addon is reported on use, with the command that builds it", () => {
    for (const path of ["/nowhere/accelerate_ts.node", "0"]) {
      const { code, message } = open({}, { ACCELERATE_TS_NATIVE: path });
      assert.equal(code, "ERR_NATIVE_MISSING");
      assert.match(message, path === "0" ? /ACCELERATE_TS_NATIVE=0/ : /npx accelerate-ts build-native/);
    }
    const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-"));
    try {
      for (const name of ["addon.node", "addon.js"]) {
        writeFileSync(join(folder, name), "not an addon");
        assert.equal(open({}, { ACCELERATE_TS_NATIVE: join(folder, name) }).code, "ERR_NATIVE_LOAD");
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("ACCELERATE_TS_NATIVE may be relative to the working directory", () => {
    const path = join(packageRoot(), "build", "accelerate_ts.node");
    assert.equal(open({ threads: 1 }, { ACCELERATE_TS_NATIVE: relative(process.cwd(), path) }).threads, 1);
  });

  test("threads come from the options, else from the environment", () => {
    assert.equal(open({ threads: 1 }, { ACCELERATE_TS_NUM_THREADS: "2" }).threads, 1);
    assert.equal(open({}, { ACCELERATE_TS_NUM_THREADS: "2", OMP_NUM_THREADS: "1" }).threads, 2);
    assert.equal(open({}, { ACCELERATE_TS_NUM_THREADS: "", OMP_NUM_THREADS: "1,4" }).threads, 1);
  });

  test("the user's home gets no telemetry database", () => {
    const home = mkdtempSync(join(tmpdir(), "accelerate-ts-home-"));
    try {
      open({ threads: 1 }, { HOME: home, XDG_CACHE_HOME: join(home, ".cache") });
      assert.equal(spawnSync("find", [home, "-type", "f"], { encoding: "utf8" }).stdout, "");
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test("settings that make no sense are refused by name", () => {
    assert.throws(
      () => configuredThreads({ ACCELERATE_TS_NUM_THREADS: "two" }),
      (error) => error instanceof ArgumentError && error.message.includes('ACCELERATE_TS_NUM_THREADS is "two"'),
    );
    assert.equal(configuredThreads({ OMP_NUM_THREADS: "junk" }), undefined);
    assert.deepEqual(
      [configuredNative({}), configuredNative({ ACCELERATE_TS_NATIVE: "0" }), configuredNative({ ACCELERATE_TS_NATIVE: "a.node" })],
      [undefined, false, "a.node"],
    );
  });
});

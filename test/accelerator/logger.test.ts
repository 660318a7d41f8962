// Loggers: levels, where lines go, and who writes them among several workers.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { Accelerator, getLogger, type LogRecord } from "../../src/index.js";
import { launch } from "../support/launch.js";

const script = new URL("./programs/logging.js", import.meta.url);

describe("a logger of one process", () => {
  afterEach(() => {
    delete process.env.ACCELERATE_TS_LOG_LEVEL;
    delete process.env.ACCELERATE_LOG_LEVEL;
  });
  const collect = () => {
    const lines: string[] = [];
    const records: LogRecord[] = [];
    const sink = (line: string, record: LogRecord) => {
      lines.push(line);
      records.push(record);
    };
    return { lines, records, sink };
  };

  it("writes level, name and rank, from its level on", () => {
    const { lines, records, sink } = collect();
    const logger = getLogger("train", { sink });
    logger.debug("no");
    logger.info("one");
    logger.warning("two");
    logger.error("three");
    logger.critical("four", { mainProcessOnly: false });
    logger.log("warning", "five");
    assert.deepEqual(lines, [
      "[RANK 0] INFO train: one",
      "[RANK 0] WARNING train: two",
      "[RANK 0] ERROR train: three",
      "[RANK 0] CRITICAL train: four",
      "[RANK 0] WARNING train: five",
    ]);
    assert.deepEqual(records[0], { level: "info", name: "train", message: "one", rank: 0 });
    assert.deepEqual([logger.isEnabledFor("debug"), logger.isEnabledFor("info")], [false, true]);
  });
  it("takes its level from its options, else from the environment", () => {
    const shown = (level?: "error") => {
      const { lines, sink } = collect();
      const logger = getLogger("x", { sink, ...(level && { level }) });
      for (const each of ["debug", "info", "warning", "error", "critical"] as const) logger.log(each, each);
      return lines.length;
    };
    assert.equal(shown(), 4);
    assert.equal(shown("error"), 2);
    process.env.ACCELERATE_LOG_LEVEL = "DEBUG";
    assert.equal(shown(), 5);
    process.env.ACCELERATE_TS_LOG_LEVEL = "critical";
    assert.equal(shown(), 1);
    assert.equal(shown("error"), 2);
    process.env.ACCELERATE_TS_LOG_LEVEL = "loud";
    assert.throws(() => getLogger("x"), /ACCELERATE_TS_LOG_LEVEL is "loud": one of debug, info, warning, error, critical/);
    assert.throws(() => getLogger("x", { level: "warn" as never }), /level is "warn"/);
  });
  it("warns once of the same thing, and in order without others to wait for", async () => {
    const { lines, sink } = collect();
    const logger = getLogger("x", { sink });
    for (let i = 0; i < 3; i++) logger.warningOnce("a");
    logger.warningOnce("b");
    await logger.info("c", { inOrder: true });
    await getLogger("y", { sink, accelerator: new Accelerator() }).info("d", { inOrder: true });
    assert.deepEqual(
      lines.map((line) => line.at(-1)),
      ["a", "b", "c", "d"],
    );
  });
});

describe("loggers of several workers", () => {
  const lines = (stderr: string) => stderr.split("\n").map((line) => line.replace(/^\[\d+\] /, ""));

  it("write on the main process, on all, or on all in the order of ranks", async () => {
    const { code, stderr } = await launch({ options: ["--num-processes", "3"], script });
    assert.equal(code, 0, stderr);
    const all = lines(stderr);
    const count = (line: string) => all.filter((other) => other === line).length;
    assert.equal(count("[RANK 0] INFO train: main only"), 1);
    assert.ok(!stderr.includes("only where debug is wanted"));
    assert.deepEqual(
      all.filter((line) => line.includes("turn ")),
      Array.from({ length: 20 }, (_, i) => [0, 1, 2].map((rank) => `[RANK ${rank}] WARNING train: turn ${i} of ${rank}`)).flat(),
    );
    for (const rank of [0, 1, 2]) {
      assert.equal(count(`[RANK ${rank}] WARNING train: once on ${rank}`), 1);
      assert.equal(count(`[RANK ${rank}] ERROR alone: without an Accelerator on ${rank}`), 1);
      assert.equal(
        count(`refused on ${rank}: logger alone: the 3 workers cannot hear each other: give getLogger the Accelerator: getLogger(name, { accelerator })`),
        1,
      );
    }
    assert.equal(count("[RANK 0] WARNING train: once on main"), 1);
    assert.equal(stderr.match(/CRITICAL/g)?.length, 1);
  });
  it("show what the environment asks for", async () => {
    const { code, stderr } = await launch({ options: ["--num-processes", "2"], script, env: { ACCELERATE_TS_LOG_LEVEL: "debug" } });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/DEBUG train: only where debug is wanted/g)?.length, 2);
  });
});

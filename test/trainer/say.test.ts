// Which worker tells the user what, by logLevel, logLevelReplica and logOnEachNode.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TrainingArguments, type TrainingArgumentsOptions } from "../../src/trainer/arguments/index.js";
import { type SaidLevel, shows } from "../../src/trainer/say.js";

const main = { isMainProcess: true, isLocalMainProcess: true };
const host = { isMainProcess: false, isLocalMainProcess: true };
const other = { isMainProcess: false, isLocalMainProcess: false };
const shown = (options: TrainingArgumentsOptions, level: SaidLevel): boolean[] =>
  [main, host, other].map((accelerator) => shows({ args: new TrainingArguments(options), accelerator }, level));

test("the main process alone says what is said of the run", () => {
  assert.deepEqual(shown({}, "info"), [true, false, false]);
  assert.deepEqual(shown({}, "warning"), [true, false, false]);
  assert.deepEqual(shown({}, "debug"), [false, false, false]);
});

test("logLevel says from which level on, for the first worker of every host unless logOnEachNode is off", () => {
  assert.deepEqual(shown({ logLevel: "warning" }, "info"), [false, false, false]);
  assert.deepEqual(shown({ logLevel: "warning" }, "warning"), [true, true, false]);
  assert.deepEqual(shown({ logLevel: "debug", logOnEachNode: false }, "debug"), [true, false, false]);
});

test("the others repeat it where logLevelReplica lets more through than warnings", () => {
  assert.deepEqual(shown({ logLevelReplica: "info" }, "info"), [true, false, true]);
  assert.deepEqual(shown({ logLevelReplica: "info", logOnEachNode: false }, "info"), [true, true, true]);
  assert.deepEqual(shown({ logLevelReplica: "passive" }, "critical"), [true, false, false]);
});

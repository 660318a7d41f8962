// Devices as they are shown.
import assert from "node:assert/strict";
import { it } from "node:test";
import { inspect } from "node:util";
import { cpu } from "../../src/runtime/index.js";

it("a device is printed as PyTorch's, and is its name as text", () => {
  assert.equal(inspect([cpu]), "[ device(type='cpu') ]");
  assert.equal(`${cpu}`, "cpu");
});

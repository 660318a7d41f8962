// The library's errors as they are printed.
import assert from "node:assert/strict";
import { it } from "node:test";
import { inspect } from "node:util";
import { ArgumentError } from "../../src/errors.js";
import { HubError } from "../../src/hub/errors.js";

it("an error says what to do once, in its message, and lists nothing that it does not know", () => {
  const error = new ArgumentError("batchSize is 0", { hint: "give a whole number" });
  assert.equal(error.hint, "give a whole number");
  assert.equal(inspect(error).split("give a whole number").length, 2);
  assert.doesNotMatch(inspect(new HubError("ERR_HUB_CONNECTION", "no answer")), /undefined/);
  assert.match(inspect(new HubError("ERR_HUB_HTTP", "refused", { status: 500, url: "http://hub/x" })), /status: 500,\n +url: 'http:\/\/hub\/x'/);
});

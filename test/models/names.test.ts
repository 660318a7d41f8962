// Which tensor of a file is which weight of a model.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchNames } from "../../src/models/loading/match-names.js";

describe("names of weights", () => {
  it("match with the modern spelling first, and report what is left on both sides", () => {
    const { sources, missing, unexpected } = matchNames(
      [["bert.LayerNorm.weight"], ["bert.x"], ["classifier.bias"]],
      ["LayerNorm.gamma", "bert.LayerNorm.weight", "x", "z"],
      "bert",
    );
    assert.deepEqual(
      [...sources],
      [
        ["bert.LayerNorm.weight", "bert.LayerNorm.weight"],
        ["bert.x", "x"],
      ],
    );
    assert.deepEqual(missing, ["classifier.bias"]);
    assert.deepEqual(unexpected, ["z"]);
  });

  it("of tied weights may be any they have; the one that is written wins", () => {
    const tied = [["transformer.wte.weight", "lm_head.weight"], ["transformer.ln_f.bias"]] as const;
    const source = (...tensors: string[]) => matchNames(tied, tensors, "transformer").sources.get("transformer.wte.weight");
    assert.equal(source("lm_head.weight", "ln_f.bias"), "lm_head.weight");
    assert.equal(source("lm_head.weight", "transformer.wte.weight"), "transformer.wte.weight");
    assert.equal(source("wte.weight", "lm_head.weight"), "lm_head.weight");
    assert.deepEqual(
      matchNames(tied, ["wte.weight", "ln_f.bias", "lm_head.weight", "h.0.attn.bias", "transformer.h.11.attn.masked_bias"], "transformer").unexpected,
      [],
    );
  });
});

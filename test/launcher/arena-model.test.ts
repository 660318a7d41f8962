// The model of ONNX Runtime's arena that estimates of memory go by, and how sizes are told.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { ArenaModel } from "../../launcher/estimate/arena-model.js";
import { sizeText } from "../../launcher/estimate/text.js";

describe("the model of the arena", () => {
  it("never touches less than what lives, and uses again what was given back", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(3_000_000), fc.nat(20)), { maxLength: 60 }), (steps) => {
        const arena = new ArenaModel();
        const held: { piece: ReturnType<ArenaModel["allocate"]>; bytes: number }[] = [];
        let most = 0;
        const once = (): void => {
          for (const [gives, bytes, pick] of steps) {
            if (gives || held.length === 0) held.push({ piece: arena.allocate(bytes), bytes });
            else arena.free(held.splice(pick % held.length, 1)[0]!.piece);
            most = Math.max(
              most,
              held.reduce((sum, { bytes }) => sum + bytes, 0),
            );
          }
          for (const { piece } of held.splice(0)) arena.free(piece);
        };
        once();
        assert.ok(arena.touchedBytes >= most);
        // All is given back: one piece as big as the greatest region is there without a new one.
        const before = arena.touchedBytes;
        arena.free(arena.allocate(256));
        assert.ok(arena.touchedBytes <= before + 4096);
      }),
      { numRuns: 50 },
    );
  });

  it("grows by regions of which each is twice the one before", () => {
    const arena = new ArenaModel();
    const pieces = Array.from({ length: 7 }, () => arena.allocate(2 ** 20));
    assert.equal(arena.touchedBytes, 7 * 2 ** 20);
    assert.equal(new Set(pieces.map((piece) => piece!.region)).size, 3);
  });
});

it("sizes are told in three digits", () => {
  assert.deepEqual([0, 1023, 1536, 433_249_280, 5e9, 2 ** 50].map(sizeText), ["0 B", "1023 B", "1.50 KiB", "413 MiB", "4.66 GiB", "1024 TiB"]);
});

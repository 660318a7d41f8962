// Random shapes for the gradient tests: small, with dims of size 1, broadcast against each other.
import { fc } from "../support/properties.js";

export const seeds = fc.integer({ min: 0, max: 2 ** 30 });
export const dims = fc.integer({ min: 1, max: 4 });
export const shapes = (min: number, max: number): fc.Arbitrary<number[]> => fc.array(dims, { minLength: min, maxLength: max });

/** A shape and shapes that broadcast to it: suffixes with some dims replaced by 1; together they span it. */
export const broadcasting = (count: number, max = 3): fc.Arbitrary<number[][]> =>
  shapes(0, max).chain((shape) =>
    fc
      .array(
        fc.record({ from: fc.integer({ min: 0, max: shape.length }), ones: fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }) }),
        {
          minLength: count,
          maxLength: count,
        },
      )
      .map((parts) => parts.map(({ from, ones }) => shape.map((d, i) => (ones[i] ? 1 : d)).slice(from))),
  );

/** Runs of one property: few, for each makes a session. */
export const runs = { numRuns: 12 };

// The algebra of sizes: expressions against real arithmetic, guards, and representatives after unification.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { ShapeError } from "../../src/errors.js";
import { type Dim, type Operator, ShapeEnv } from "../../src/graph/index.js";

/** An expression as a tree; leaves are numbers or one of three symbols. */
type Tree = number | "a" | "b" | "c" | { readonly operator: Exclude<Operator, "min" | "max">; readonly left: Tree; readonly right: Tree };
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.integer({ min: 0, max: 6 }),
    fc.constantFrom("a" as const, "b" as const, "c" as const),
    fc.record({ operator: fc.constantFrom("+" as const, "-" as const, "*" as const, "/" as const), left: tie("tree"), right: tie("tree") }),
  ),
}));
const symbolValues = fc.record({ a: fc.integer({ min: 1, max: 50 }), b: fc.integer({ min: 1, max: 50 }), c: fc.integer({ min: 1, max: 50 }) });

const real: { readonly [O in Operator]: (x: number, y: number) => number } = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => Math.floor(x / y),
  min: Math.min,
  max: Math.max,
};
/** The size of a tree by plain arithmetic; undefined where something is divided by less than 1. */
function compute(t: Tree, values: Readonly<Record<string, number>>): number | undefined {
  if (typeof t !== "object") return typeof t === "number" ? t : values[t];
  const [x, y] = [compute(t.left, values), compute(t.right, values)];
  if (x === undefined || y === undefined || (t.operator === "/" && y < 1)) return undefined;
  return real[t.operator](x, y) + 0;
}
const methods = { "+": "add", "-": "sub", "*": "mul", "/": "div", min: "min", max: "max" } as const;
function build(env: ShapeEnv, t: Tree): Dim {
  return typeof t === "object" ? env[methods[t.operator]](build(env, t.left), build(env, t.right)) : t;
}
/** The size again, from the operands that `parts` gives: what the builder emits as nodes. */
function byParts(env: ShapeEnv, dim: Dim, values: ReadonlyMap<string, number>): number {
  const parts = env.parts(dim);
  if (!parts) return env.evaluate(dim, values);
  return real[parts.operator](byParts(env, parts.a, values), byParts(env, parts.b, values));
}
const mapOf = (values: Readonly<Record<string, number>>) => new Map(Object.entries(values));

suite("expressions", () => {
  test("evaluate to what plain arithmetic gives, also from their parts", () => {
    fc.assert(
      fc.property(tree, symbolValues, (t, values) => {
        const expected = compute(t, values);
        fc.pre(expected !== undefined);
        const env = new ShapeEnv();
        let dim: Dim;
        try {
          dim = build(env, t);
        } catch (error) {
          // A divisor that is 0 for every size of the symbols is refused at once.
          assert.ok(error instanceof ShapeError);
          return;
        }
        assert.equal(env.evaluate(dim, mapOf(values)), expected);
        assert.equal(byParts(env, dim, mapOf(values)) + 0, expected);
        assert.deepEqual(env.guards, []);
      }),
      { numRuns: 500 },
    );
  });

  test("have hints that are their size in the recorded run", () => {
    fc.assert(
      fc.property(tree, symbolValues, (t, values) => {
        const expected = compute(t, values);
        fc.pre(expected !== undefined);
        const env = new ShapeEnv();
        for (const [name, size] of Object.entries(values)) env.symbol(size, name);
        assert.equal(env.hint(build(env, t)), expected);
      }),
      { numRuns: 200 },
    );
  });

  test("of the same sum of products are the same size", () => {
    const env = new ShapeEnv();
    const [B, S] = [env.symbol(undefined, "B"), env.symbol(undefined, "S")];
    assert.equal(env.sub(env.mul(env.add(B, 1), S), S), env.mul(B, S));
    assert.equal(env.mul(env.mul(S, 2), B), env.product([2, B, S]));
    assert.equal(env.div(env.product([B, S, 12, 64]), env.product([B, 64])), env.mul(12, S));
    assert.equal(env.div(env.add(env.mul(4, B), 2), 4), B);
    assert.equal(env.sub(env.add(B, 3), B), 3);
    assert.deepEqual(env.guards, []);
  });
});

suite("min and max", () => {
  test("are decided by hints, and the decision is a guard that holds for these sizes only as long as it is right", () => {
    fc.assert(
      fc.property(symbolValues, symbolValues, fc.boolean(), (recorded, other, least) => {
        const env = new ShapeEnv();
        const [a, b] = [env.symbol(recorded.a, "a"), env.symbol(recorded.b, "b")];
        const chosen = least ? env.min(a, b) : env.max(a, b);
        const expected = (least ? Math.min : Math.max)(recorded.a, recorded.b);
        assert.equal(env.evaluate(chosen, mapOf(recorded)), expected);
        assert.ok(env.holds(mapOf(recorded)));
        const right = env.evaluate(chosen, mapOf(other)) === (least ? Math.min : Math.max)(other.a, other.b);
        assert.equal(env.holds(mapOf(other)), right);
      }),
    );
  });

  test("need no guard where the difference is a number", () => {
    const env = new ShapeEnv();
    const a = env.symbol();
    assert.equal(env.min(a, env.add(a, 2)), a);
    assert.equal(env.max(a, 0), a);
    assert.deepEqual(env.guards, []);
  });
});

suite("broadcasting", () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });
  /** numpy's rule on known sizes. */
  function numpy(a: readonly number[], b: readonly number[]): number[] | undefined {
    const rank = Math.max(a.length, b.length);
    const out: number[] = [];
    for (let i = 0; i < rank; i++) {
      const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
      if (x !== y && x !== 1 && y !== 1) return undefined;
      out.push(x === 1 ? y : x);
    }
    return out;
  }

  test("of recorded symbols gives numpy's shape, and the guards hold exactly for sizes that broadcast the same way", () => {
    fc.assert(
      fc.property(shapes, shapes, fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 8, maxLength: 8 }), (a, b, others) => {
        const env = new ShapeEnv();
        const [da, db] = [a, b].map((shape, k) => shape.map((d, i) => env.symbol(d, `${k ? "b" : "a"}${i}`))) as [string[], string[]];
        const recorded = new Map([...da.map((d, i) => [d, a[i]!] as const), ...db.map((d, i) => [d, b[i]!] as const)]);
        const expected = numpy(a, b);
        if (!expected) {
          assert.throws(() => env.broadcastShapes(da, db), ShapeError);
          return;
        }
        const out = env.broadcastShapes(da, db);
        assert.deepEqual(
          out.map((d) => env.evaluate(d, recorded)),
          expected,
        );
        assert.ok(env.holds(recorded));
        const next = new Map([...recorded.keys()].map((name, i) => [name, others[i]!]));
        if (!env.holds(next)) return;
        const size = (d: string) => next.get(d)!;
        assert.deepEqual(
          out.map((d) => env.evaluate(d, next)),
          numpy(da.map(size), db.map(size)),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("a literal 1 meets any symbol without a guard; a symbol of 1 is fixed to 1", () => {
    const env = new ShapeEnv();
    const [one, five] = [env.symbol(1), env.symbol(5)];
    assert.equal(env.broadcast(1, five), five);
    assert.deepEqual(env.guards, []);
    assert.equal(env.broadcast(one, five), five);
    assert.equal(env.resolve(one), 1);
    assert.equal(
      env.holds(
        new Map([
          [one, 2],
          [five, 5],
        ]),
      ),
      false,
    );
  });

  test("sizes that cannot meet are named with both shapes", () => {
    const env = new ShapeEnv();
    assert.throws(() => env.broadcastShapes([2, env.symbol(3)], [2, env.symbol(4)]), /shapes \[2, 3\] and \[2, 4\] do not broadcast: 3 against 4 in dim 1/);
  });
});

suite("representatives", () => {
  test("are the same for all dims that were unified, whatever the order, and stay so in expressions", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 12 }), fc.nat(7), (pairs, anchor) => {
        const env = new ShapeEnv();
        const symbols = Array.from({ length: 8 }, (_, i) => env.symbol(6, `s${i}`));
        const before = symbols.map((s) => env.add(env.mul(s, 2), 1));
        for (const [i, j] of pairs) env.unify(symbols[i]!, env.mul(symbols[j]!, 1));
        env.unify(symbols[anchor]!, 6);
        // Plain union-find over the same pairs.
        const group = symbols.map((_, i) => i);
        const find = (i: number): number => (group[i] === i ? i : find(group[i]!));
        for (const [i, j] of pairs) group[find(i)] = find(j);
        for (const [i, s] of symbols.entries()) {
          for (const [j, t] of symbols.entries()) if (find(i) === find(j)) assert.equal(env.resolve(s), env.resolve(t));
          if (find(i) === find(anchor)) assert.equal(env.resolve(before[i]!), 13);
          assert.equal(env.resolve(env.resolve(before[i]!)), env.resolve(before[i]!));
        }
        assert.ok(env.holds(new Map(symbols.map((s) => [s, 6]))));
      }),
    );
  });

  test("an expression is never represented by what is made of it", () => {
    const env = new ShapeEnv();
    const [a, b] = [env.symbol(12, "a"), env.symbol(3, "b")];
    const quotient = env.div(a, b);
    const back = env.mul(quotient, b);
    env.unify(back, a);
    env.unify(quotient, env.add(env.div(a, env.add(b, 0)), 0));
    env.unify(quotient, env.min(quotient, 9));
    assert.equal(env.resolve(back), a);
    assert.equal(env.hint(quotient), 4);
  });
});

test("sizes that only a run tells make no guard fail before it, and symbols without a size are an error", () => {
  const env = new ShapeEnv();
  const [rows, n] = [env.unknown(), env.symbol(4, "n")];
  env.unify(rows, env.mul(n, 2));
  assert.ok(env.holds(new Map([["n", 7]])));
  assert.ok(env.isUnknown(env.add(env.unknown(), 1)));
  env.unify(n, env.symbol(4, "m"));
  assert.throws(() => env.holds(new Map([["n", 7]])), /without a value/);
  assert.throws(() => env.evaluate("x", new Map()), /size x has no value/);
});

test("a symbol that is made without a name takes none that is in use", () => {
  const env = new ShapeEnv();
  env.symbol(3, "d0");
  assert.notEqual(env.symbol(), "d0");
});

// Parts of unlike sizes: CUDA's provider sends tables of pointers and sizes up for them in each run, where parts of one size need none.
import type { Builder } from "../../builder.js";
import type { Dim } from "../../dims.js";
import type { Value } from "../../graph.js";
import { type Form, number } from "./forms.js";

/** So many parts of one size have room for their pointers in a launch. */
const mostParts = 32;

const axisOf = (given: Parameters<typeof number>[0], x: Value): number => {
  const axis = number(given, 0);
  return axis < 0 ? axis + x.rank : axis;
};

/** Elements `begin` to `end` along an axis. */
function cut(b: Builder, x: Value, axis: number, [begin, end]: readonly [Dim, Dim]): Value {
  return b.op("Slice", [x, b.sizes([begin], [x]), b.sizes([end], [x]), b.int64([axis])]);
}

/** Zeros around a part, so that it lies where it belongs in the whole. */
function padded(b: Builder, x: Value, axis: number, [before, after]: readonly [Dim, Dim]): Value {
  const at = (amount: Dim): Dim[] => x.shape.map((_, i) => (i === axis ? amount : 0));
  return b.op("Pad", [x, b.sizes([...at(before), ...at(after)], [x])]);
}

/** Two parts, one behind the other. */
function joined(b: Builder, [x, y]: readonly [Value, Value], axis: number): Value {
  const { env } = b.graph;
  const [n, m] = [env.resolve(x.shape[axis]!), env.resolve(y.shape[axis]!)];
  if (n === m) return b.concat([x, y], axis);
  b.source(x);
  b.source(y);
  // One element is as many as the other part has, of which one is taken.
  const as = (part: Value, like: Value): Value =>
    b.expand(
      part,
      part.shape.map((d, i) => (i === axis ? like.shape[axis]! : d)),
      [part, like],
    );
  if (m === 1) return cut(b, b.concat([x, as(y, x)], axis), axis, [0, env.add(n, 1)]);
  if (n === 1) return cut(b, b.concat([as(x, y), y], axis), axis, [env.sub(m, 1), env.add(m, m)]);
  return b.add(padded(b, x, axis, [0, m]), padded(b, y, axis, [n, 0]));
}

/** What no sum of padded parts can stand for is left. */
export const concatOfUnlike: Form = (b, node, inputs) => {
  const parts = inputs as readonly Value[];
  const [out] = node.outputs;
  if (out!.content || parts.length < 2) return undefined;
  const { env } = b.graph;
  const axis = axisOf(node.attributes.axis, out!);
  const sizes = parts.map(({ shape }) => env.resolve(shape[axis]!));
  // Where only data tell a size the host does not know it before a run.
  if (sizes.some((size) => env.isUnknown(size))) return undefined;
  const alike = sizes.every((size) => size === sizes[0]);
  if (alike && parts.length <= mostParts) return undefined;
  if (alike) {
    const groups = Array.from({ length: Math.ceil(parts.length / mostParts) }, (_, i) => parts.slice(i * mostParts, (i + 1) * mostParts));
    return [
      b.concat(
        groups.map((group) => (group.length === 1 ? group[0]! : b.concat(group, axis))),
        axis,
      ),
    ];
  }
  if (out!.dtype === "bool" && !sizes.includes(1)) return undefined;
  return [parts.reduce((whole, part) => joined(b, [whole, part], axis))];
};

/** Each part by itself. */
export const splitOfUnlike: Form = (b, node, [x]) => {
  const { env } = b.graph;
  const axis = axisOf(node.attributes.axis, x!);
  const sizes = node.outputs.map(({ shape }) => env.resolve(shape[axis]!));
  if (x!.content || sizes.every((size) => size === sizes[0]) || sizes.some((size) => env.isUnknown(size))) return undefined;
  let begin: Dim = 0;
  return sizes.map((size) => {
    const end: Dim = env.add(begin, size);
    const part = cut(b, x!, axis, [begin, end]);
    begin = end;
    return part;
  });
};

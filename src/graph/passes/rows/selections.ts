// Places where a model reads some rows of hidden states only: the first token, the last one, tokens at given positions.
import type { Builder } from "../../builder.js";
import { isFloat } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import type { Uses } from "../uses.js";
import { type Lead, RowSet, type RowSpace } from "./row-set.js";

export interface Selection {
  /** What rows are read of. */
  readonly value: Value;
  readonly lead: Lead;
  readonly space: RowSpace;
  /** The nodes that do it; the last one's output is what is read. */
  readonly nodes: readonly Node[];
  /** Selections of one key read the same rows. */
  readonly key: string;
  rows(b: Builder): RowSet;
  /** As of RowSet. */
  readonly ordered: boolean;
  /** Their output made of rows [T, ..]. */
  shaped(b: Builder, rows: Value): Value;
}

const attribute = (node: Node, name: string, fallback: number): number => (typeof node.attributes[name] === "number" ? node.attributes[name] : fallback);
const onlyNumber = (value: Value | undefined): number | undefined =>
  value?.content?.length === 1 && typeof value.content[0] === "number" ? value.content[0] : undefined;
const spaceOf = (x: Value): RowSpace => ({ batch: x.shape[0]!, tokens: x.shape[1]! });

/** int64: 0, 1, .. up to a size. */
const counted = (b: Builder, size: Value): Value => b.op("Range", [b.scalar(0, "int64"), b.squeeze(size, [0]), b.scalar(1, "int64")]);
/** int64 [B]: the numbers of the batch entries. */
const entries = (b: Builder, space: RowSpace): Value => counted(b, b.dim(space.batch));
/** Positions from the start, made of such as may count from the end; a run with one that is beyond either fails, as it would with the op that they were given to. */
const fromStart = (b: Builder, positions: Value, size: Value): Value => b.gather(counted(b, size), positions, 0);

/** One token of every row, by its number from the start or from the end. */
function oneToken(graph: Graph, node: Node, x: Value, at: number, uses: Uses): Selection | undefined {
  const space = spaceOf(x);
  const out = node.outputs[0]!;
  const kept = out.rank === x.rank;
  const next = kept ? uses.sole(out) : undefined;
  const squeezed = next?.op === "Squeeze" && next.domain === "" && onlyNumber(next.inputs[1]) === 1 ? next : undefined;
  return {
    value: x,
    lead: 2,
    space,
    nodes: squeezed ? [node, squeezed] : [node],
    ordered: true,
    key: `token ${at} of ${graph.env.resolveShape([space.batch, space.tokens])}`,
    rows: (b) => {
      const token = at >= 0 ? b.int64([at]) : b.add(b.dim(space.tokens), b.int64([at]));
      const batches = entries(b, space);
      return new RowSet(b, space, { batches, tokens: b.expand(token, b.op("Shape", [batches])) }, { ordered: true });
    },
    shaped: (b, rows) => (kept && !squeezed ? b.unsqueeze(rows, [1]) : rows),
  };
}

/** x.at(":", k): a Slice of one token, with or without a Squeeze. */
function slice(graph: Graph, node: Node, uses: Uses): Selection | undefined {
  const [x, starts, ends, axes, steps] = node.inputs;
  const [start, end, axis] = [onlyNumber(starts), onlyNumber(ends), onlyNumber(axes)];
  if (!x || x.rank < 3 || !isFloat(x.dtype) || axis !== 1 || start === undefined || end === undefined) return undefined;
  if (steps && onlyNumber(steps) !== 1) return undefined;
  const one = start >= 0 ? end === start + 1 : start === -1 ? end >= 2 ** 31 - 1 : end === start + 1;
  return one && graph.env.resolve(node.outputs[0]!.shape[1]!) === 1 ? oneToken(graph, node, x, start, uses) : undefined;
}

/** Gather(x, k) along the tokens; or of flattened rows, whose numbers are given. */
function gather(graph: Graph, node: Node, uses: Uses): Selection | undefined {
  const { env } = graph;
  const [x, indices] = node.inputs;
  if (!x || !indices || !isFloat(x.dtype)) return undefined;
  const axis = attribute(node, "axis", 0);
  if (axis === 1 && x.rank >= 3) {
    const at = onlyNumber(indices);
    return at !== undefined && indices.rank <= 1 ? oneToken(graph, node, x, at, uses) : undefined;
  }
  // Rows of [B * S, ..], which was flattened from [B, S, ..].
  const wide = axis === 0 && indices.rank === 1 && x.producer?.op === "Reshape" ? x.producer.inputs[0] : undefined;
  if (!wide || wide.rank < 2 || x.rank < 2 || env.resolve(x.shape[0]!) !== env.resolve(env.product(wide.shape.slice(0, 2)))) return undefined;
  return {
    value: x,
    lead: 1,
    space: spaceOf(wide),
    nodes: [node],
    ordered: false,
    key: `rows ${indices.name}`,
    rows: (b) => new RowSet(b, spaceOf(wide), { flat: fromStart(b, indices, b.mul(b.dim(wide.shape[0]!), b.dim(wide.shape[1]!))) }, { ordered: false }),
    shaped: (_, rows) => rows,
  };
}

/** x.gather(1, index.expand(..)): tokens [B, K] of x [B, S, H]. */
function gatherElements(graph: Graph, node: Node, uses: Uses): Selection | undefined {
  const { env } = graph;
  const [x, indices] = node.inputs;
  if (!x || !indices || x.rank !== 3 || !isFloat(x.dtype) || attribute(node, "axis", 0) !== 1) return undefined;
  const given = indices.producer?.op === "Expand" && indices.producer.domain === "" ? indices.producer.inputs[0] : undefined;
  const same = (a: Value, b: Value, axis: number) => env.resolve(a.shape[axis]!) === env.resolve(b.shape[axis]!);
  if (given?.rank !== 3 || env.resolve(given.shape[2]!) !== 1 || !same(given, x, 0) || !same(given, indices, 1) || !same(indices, x, 2)) return undefined;
  const space = spaceOf(x);
  const out = node.outputs[0]!;
  const one = env.resolve(out.shape[1]!) === 1;
  const next = one ? uses.sole(out) : undefined;
  const squeezed = next?.op === "Squeeze" && next.domain === "" && onlyNumber(next.inputs[1]) === 1 ? next : undefined;
  const tail = env.resolve(x.shape[2]!);
  if (!squeezed && typeof tail !== "number") return undefined;
  return {
    value: x,
    lead: 2,
    space,
    nodes: squeezed ? [node, squeezed] : [node],
    // The same token may be read twice.
    ordered: one,
    key: `tokens ${given.name}`,
    rows: (b) => {
      const tokens = fromStart(b, given, b.dim(space.tokens));
      const batches = b.expand(b.unsqueeze(entries(b, space), [1, 2]), b.op("Shape", [tokens]));
      const places = b.op("Reshape", [b.concat([batches, tokens], 2), b.int64([-1, 2])]);
      return new RowSet(b, space, { places }, { ordered: one });
    },
    shaped: (b, rows) => (squeezed ? rows : one ? b.unsqueeze(rows, [1]) : b.reshape(rows, [space.batch, given.shape[1]!, tail!], [given])),
  };
}

const recognisers: Readonly<Record<string, (graph: Graph, node: Node, uses: Uses) => Selection | undefined>> = {
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
};

/** All selections of a graph, in its order. */
export function selections(graph: Graph, uses: Uses): Selection[] {
  return graph.nodes.flatMap((node) => (node.domain === "" ? (recognisers[node.op]?.(graph, node, uses) ?? []) : []));
}

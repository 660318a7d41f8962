// Where a model leaves the tokens: it reads some of them, or adds up what padding adds nothing to. All else wants padding's rows, too.
import type { Builder } from "../../builder.js";
import type { Graph, Value } from "../../graph.js";
import type { PassContext } from "../pass.js";
import type { Wanted } from "../rows/demand.js";
import type { Evaluation } from "../rows/evaluate.js";
import { fulfilled } from "../rows/known-data.js";
import { type MaskedSum, maskedSums, totalOf, type Zeroing } from "../rows/masked-sums.js";
import { type TokenMask, tokenMask, type Tokens } from "../rows/places.js";
import type { Lead, RowSet, RowSpace } from "../rows/row-set.js";
import { hasRows } from "../rows/row-wise.js";
import { type Selection, selections } from "../rows/selections.js";
import { Uses } from "../uses.js";

/** A value that may be computed without padding, as long as the data fulfil a condition. */
export interface Exit extends Wanted {
  /** What takes another form. */
  readonly output: Value;
  /** Expressions that the condition reads. */
  readonly condition: readonly Value[];
  holds(values: Evaluation, mask: TokenMask): boolean;
  /** The output, made of the rows of the tokens that are there. */
  build(rows: Value, tokens: Tokens): Value;
}

/** Rows that are read must be those of tokens that are there. */
function selectionExit(b: Builder, selection: Selection, rows: RowSet): Exit {
  const { flat } = rows;
  return {
    value: selection.value,
    lead: selection.lead,
    output: selection.nodes.at(-1)!.outputs[0]!,
    condition: [flat],
    holds: (values, mask) => values.of(flat).data.every((row) => mask.there[row] === 1),
    build: (packed, tokens) => selection.shaped(b, b.gather(packed, tokens.positionsOf(rows), 0)),
  };
}

/** All rows, zeros being those of padding. */
function padded(b: Builder, x: Value, lead: Lead, packed: Value, { rows }: Tokens): Value {
  const zeros = b.fill(b.sizes(x.shape), 0, x.dtype);
  return b.op("ScatterND", [zeros, lead === 2 ? rows.places : rows.flatPlaces, packed]);
}

/** What is added up must be 0 at padding. */
function sumExit(b: Builder, sum: MaskedSum, { value: flags, where }: Zeroing): Exit {
  const { node, value, lead } = sum;
  return {
    value,
    lead,
    output: node.outputs[0]!,
    condition: [flags],
    holds: (values, { there }) => values.of(flags).data.every((x, row) => there[row] === 1 || (x === 0) === (where === "zero")),
    build: (packed, tokens) =>
      sum.total ? totalOf(b, sum, packed) : b.op(node.op, [padded(b, value, lead, packed, tokens), ...node.inputs.slice(1)], node.attributes),
  };
}

/** The exits of a graph from rows of a space that may be taken with the data of the run at hand. */
export function findExits(graph: Graph, context: PassContext, b: Builder, space: RowSpace, keyBias: Value): Exit[] {
  const { env } = graph;
  const leadOf = (value: Value): Lead | undefined => ([2, 1] as const).find((lead) => hasRows({ env, space }, value, lead));
  const sameSpace = (s: Selection) => env.resolve(s.space.batch) === env.resolve(space.batch) && env.resolve(s.space.tokens) === env.resolve(space.tokens);
  const selected = new Map<string, RowSet>();
  const candidates = selections(graph, new Uses(graph))
    .filter(sameSpace)
    .map((selection) => {
      const rows = selected.get(selection.key) ?? selection.rows(b);
      selected.set(selection.key, rows);
      return [selectionExit(b, selection, rows)];
    });
  const sums = maskedSums(graph, (value) => {
    const lead = leadOf(value);
    return lead && { space, lead };
  }).map((sum) => sum.zeroing.map((zeroing) => sumExit(b, sum, zeroing)));
  return [...candidates, ...sums].flatMap((ways) => {
    const way = ways.find((exit) =>
      fulfilled(graph, context, `${exit.output.name} needs no padding`, [keyBias, ...exit.condition], (values) => {
        const mask = tokenMask(values, keyBias);
        return mask !== undefined && exit.holds(values, mask);
      }),
    );
    return way ?? [];
  });
}

// Unpadding: tokens that are padding are not computed. Hidden states are lists of the tokens that are there; attention is told their places.
import type { Graph, Value } from "../../graph.js";
import type { FedData } from "../assumptions.js";
import { liveNodes, removeDeadCode } from "../dead-code.js";
import type { GraphPass, PassContext } from "../pass.js";
import { demandRows, type Wanted } from "../rows/demand.js";
import { Mark, replaceValues, sortNodes } from "../rows/edit.js";
import { builderOf, canRead, evaluation, fulfilled, know } from "../rows/known-data.js";
import { Packer } from "../rows/packer.js";
import { prepare } from "../rows/prepare.js";
import { maskedBias, tokenMask, Tokens } from "../rows/places.js";
import { Attention } from "./attention-node.js";
import { findExits } from "./exits.js";

/** Leaves out the tokens that a key bias hides. Returns how many attentions are packed; 0 leaves the graph as it was. */
function unpadFor(graph: Graph, context: PassContext, keyBias: Value): number {
  const attentions = Attention.all(graph).filter((a) => a.keyBias === keyBias && !a.kPlaces);
  const { env } = graph;
  const space = { batch: attentions[0]!.k.shape[0]!, tokens: attentions[0]!.k.shape[1]! };
  if (env.resolve(keyBias.shape[0]!) !== env.resolve(space.batch) || !canRead(graph, space)) return 0;
  if (!fulfilled(graph, context, "a mask of tokens and padding", [keyBias], (values) => tokenMask(values, keyBias) !== undefined)) return 0;
  const { count } = tokenMask(know(graph, context, [keyBias])!.values, keyBias)!;

  const mark = new Mark(graph);
  const b = builderOf(graph);
  b.scope = "unpad";
  const exits = findExits(graph, context, b, space, keyBias);
  const wants: Wanted[] = [...attentions.flatMap(({ k, v }) => [k, v]).map((value) => ({ value, lead: 2 as const })), ...exits];
  const demand = demandRows(graph, space, wants, { ordered: true });
  if (!demand) {
    mark.undo();
    return 0;
  }
  const tokens = new Tokens(b, keyBias, space, count);
  const packer = new Packer(b, demand, tokens.rows);
  const replaced = new Map<Value, Value>();
  for (const attention of attentions) {
    // Where its queries became a list, that one is meant; the one over all tokens is to go.
    const packed = demand.plans.has(attention.node) ? new Attention(packer.of(attention.node.outputs[0]!).producer!) : attention;
    const outputs = packed.withKeys(b, packer.of(attention.k), packer.of(attention.v), tokens.rows.places);
    for (const [i, out] of packed.node.outputs.entries()) replaced.set(out, outputs[i]!);
  }
  for (const exit of exits) replaced.set(exit.output, exit.build(packer.of(exit.value), tokens));
  const undo = replaceValues(graph, replaced);

  // What is computed on the list must not be computed on all tokens, too: somebody wants padding's rows then.
  const live = new Set(liveNodes(graph));
  const twice = [...demand.plans].some(([node, { heavy }]) => heavy && live.has(node));
  const conditions = [keyBias, ...exits.flatMap(({ condition }) => condition)];
  const known = twice ? undefined : know(graph, context, conditions);
  const holds = (data: readonly FedData[]): boolean => {
    const values = evaluation(known!.inputs, data);
    const found = tokenMask(values, keyBias);
    return found !== undefined && exits.every((exit) => exit.holds(values, found));
  };
  if (!known || !context.assume({ name: `tokens with a bias of ${maskedBias} or less are padding`, inputs: known.inputs, holds })) {
    undo();
    mark.undo();
    return 0;
  }
  sortNodes(graph);
  removeDeadCode(graph);
  return attentions.length;
}

function run(graph: Graph, context: PassContext): number {
  // How many tokens there are, only the data tell: a device would wait for the host to count them, and each batch would have sizes of its own.
  if (context.target) return 0;
  prepare(graph);
  let packed = 0;
  const biases = new Set(Attention.all(graph).flatMap((a) => (a.keyBias && !a.kPlaces ? [a.keyBias] : [])));
  for (const keyBias of biases) packed += unpadFor(graph, context, keyBias);
  return packed;
}

export const unpad: GraphPass = {
  name: "unpad",
  stage: "forward",
  says: "tokens that are padding are not computed",
  run,
};

// Several streams as one: their columns brought together.
import { ArgumentError } from "../../errors.js";
import { type Features, featureText } from "../columns/features.js";
import type { Seed, StreamNode } from "./cursor.js";
import { IterableDataset } from "./iterable-dataset.js";
import { Chain, type TurnSettings, Turns } from "./sources-together.js";
import { filling, RowNode } from "./transforms.js";

export const isStream = (value: unknown): value is IterableDataset => value instanceof IterableDataset;

/** Columns of all; undefined when those of one stream are not known. @throws ArgumentError when a column has several types */
function common(what: string, streams: readonly IterableDataset[]): Features | undefined {
  const features: Record<string, Features[string]> = {};
  for (const stream of streams) {
    if (!stream.features) return undefined;
    for (const [name, feature] of Object.entries(stream.features)) {
      const before = Object.hasOwn(features, name) ? features[name]! : feature;
      if (featureText(before) !== featureText(feature))
        throw new ArgumentError(`${what}: column ${name} is ${featureText(before)} in one stream and ${featureText(feature)} in another`, {
          code: "ERR_CONCATENATE",
          hint: "declare both with the same features, or rename one",
        });
      features[name] = feature;
    }
  }
  return features;
}

function together<R>(what: string, streams: readonly IterableDataset[], node: (nodes: readonly StreamNode[]) => StreamNode): IterableDataset<R> {
  const parts = streams.map((stream) => IterableDataset.partsOf(stream));
  const [first] = parts;
  if (parts.some(({ reader }) => reader?.rank !== first!.reader?.rank || reader?.worldSize !== first!.reader?.worldSize))
    throw new ArgumentError(`${what}: some of the streams are one reader's share, others are not`, {
      code: "ERR_CONCATENATE",
      hint: "splitByNode what came of them",
    });
  const features = common(what, streams);
  const names = features && Object.keys(features);
  const nodes = parts.map(({ node: own, features: has }) =>
    names?.some((name, i) => Object.keys(has!)[i] !== name) ? new RowNode(own, filling(names), true) : own,
  );
  const signals = parts.flatMap(({ signal }) => signal ?? []);
  return IterableDataset.ofParts({
    node: node(nodes),
    features,
    signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0],
    reader: first!.reader,
  });
}

/** One after the other. @throws ArgumentError ERR_CONCATENATE */
export const concatenateStreams = <R>(streams: readonly IterableDataset[]): IterableDataset<R> =>
  together("concatenateDatasets", streams, (nodes) => new Chain(nodes));

/** In turn, or drawn. @throws ArgumentError ERR_CONCATENATE */
export function interleaveStreams<R>(
  streams: readonly IterableDataset[],
  strategy: TurnSettings["strategy"],
  draws: { readonly probabilities: readonly number[]; readonly seed: Seed } | undefined,
): IterableDataset<R> {
  return together("interleaveDatasets", streams, (nodes) => new Turns(nodes, { draws, strategy }));
}

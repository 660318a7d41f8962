// What the exchange of gradients is asked for, in words that another worker understands: by the places of parameters.
import type { StepSettings } from "../../optim/index.js";
import type { Parameter } from "../../tensor/index.js";
import type { WorkerExchange } from "./gradient-exchange.js";
import type { Placement } from "./placement.js";

/** Parameters as pairs: number of the arena, number in it. */
export type Places = readonly number[];

export type ExchangeOperation =
  | { readonly op: "step"; readonly parameters: Places; readonly settings: StepSettings }
  | { readonly op: "norm"; readonly parameters: Places; readonly kind: number; readonly exponent: number }
  | { readonly op: "scale"; readonly parameters: Places; readonly factor: number }
  | { readonly op: "clamp"; readonly parameters: Places; readonly limit: number }
  | { readonly op: "read"; readonly parameters: Places };

/** Those that are placed, in the given order. */
export function placesOf(parameters: readonly Parameter[], { arenas }: Placement): Places {
  const numbers = new Map(arenas.map(({ arena }, i) => [arena, i]));
  return parameters.flatMap((p) => {
    const segment = p.segment();
    const arena = segment && numbers.get(segment.arena);
    return arena === undefined ? [] : [arena, segment!.index];
  });
}
function parametersAt(places: Places, { arenas }: Placement): Parameter[] {
  const found: Parameter[] = [];
  for (let i = 0; i < places.length; i += 2) found.push(arenas[places[i]!]!.arena.segments[places[i + 1]!]!.parameter);
  return found;
}

type Carriers = {
  readonly [K in ExchangeOperation["op"]]: (
    exchange: WorkerExchange,
    own: readonly Parameter[],
    operation: ExchangeOperation & { readonly op: K },
    placement: Placement,
  ) => Promise<unknown>;
};
const carriers: Carriers = {
  step: (_exchange, own, { settings }, { optimizers }) => {
    const all = new Set(own);
    const optimizer = optimizers.find(({ paramGroups }) => paramGroups.some(({ params }) => params.some((p) => all.has(p))));
    return optimizer ? optimizer.stepAlong(settings) : Promise.resolve();
  },
  norm: (exchange, own, { kind, exponent }) => exchange.norm(own, kind, exponent),
  scale: (exchange, own, { factor }) => exchange.scale(own, factor),
  clamp: (exchange, own, { limit }) => exchange.clamp(own, limit),
  read: (exchange, own) => exchange.read(own[0]!, { own: false }),
};

/** Does what another worker does. */
export async function carryOut(operation: ExchangeOperation, exchange: WorkerExchange, placement: Placement): Promise<void> {
  const carrier = carriers[operation.op] as (
    exchange: WorkerExchange,
    own: readonly Parameter[],
    operation: ExchangeOperation,
    placement: Placement,
  ) => Promise<unknown>;
  await carrier(exchange, parametersAt(operation.parameters, placement), operation, placement);
}

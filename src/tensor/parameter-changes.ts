// Counts over all parameters of the process: as long as one stands still, what was worked out from the parameters of a model holds.

const counts = {
  /** Parameters were made. */
  made: 0,
  /** Values were written. */
  values: 0,
  /** Memory was moved into an arena. */
  places: 0,
  /** requiresGrad was set. */
  frozen: 0,
};
export type ParameterChange = keyof typeof counts;

export const parameterChanges = (what: ParameterChange): number => counts[what];
export function noteParameterChange(what: ParameterChange): void {
  counts[what]++;
}

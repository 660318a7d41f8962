// How a pair of sequences is cut to what fits.

export type Truncation = "longest" | "ratio";

/** Lengths of which as much is kept as fits. */
type Cut = (first: number, second: number, room: number) => readonly [first: number, second: number];

/** Rounds halves to even, as Python does. */
function round(x: number): number {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** "longest": the longer one loses its last token, of equal ones the second, until both fit. "ratio": both keep the same share, at least one token. */
export const cuts: { readonly [T in Truncation]: Cut } = {
  longest: (first, second, room) => {
    const over = first + second - room;
    if (over <= 0) return [first, second];
    // The longer one is cut down to the other's length first; then they take turns, the second one first.
    const difference = Math.min(over, Math.abs(first - second));
    const [a, b] = first > second ? [first - difference, second] : [first, second - difference];
    const rest = over - difference;
    return [a - Math.floor(rest / 2), b - Math.ceil(rest / 2)];
  },
  ratio: (first, second, room) => {
    if (first + second <= room) return [first, second];
    if (first === 0 || second === 0) return [Math.min(first, room), Math.min(second, room)];
    const kept = Math.min(Math.max(round((room * first) / (first + second)), 1), room - 1, first);
    return [kept, Math.min(room - kept, second)];
  },
};

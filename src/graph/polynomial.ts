// Sums of products of sizes in a normal form: two sizes with the same form are the same size.

/** A coefficient times atoms: names of symbols, or of quotients, minima and maxima. Atoms are sorted; one may occur several times. */
export interface Term {
  readonly coefficient: number;
  readonly atoms: readonly string[];
}
/** Terms with different atoms and no coefficient 0: those with positive coefficients first, a plain number last. */
export type Polynomial = readonly Term[];

const keyOf = (atoms: readonly string[]): string => atoms.join("*");

function normal(terms: Iterable<Term>): Polynomial {
  const byKey = new Map<string, Term>();
  for (const term of terms) {
    const key = keyOf(term.atoms);
    const known = byKey.get(key);
    byKey.set(key, known ? { coefficient: known.coefficient + term.coefficient, atoms: term.atoms } : term);
  }
  const rank = ({ coefficient, atoms }: Term) => (atoms.length === 0 ? 2 : coefficient < 0 ? 1 : 0);
  return [...byKey.values()].filter((t) => t.coefficient !== 0).sort((a, b) => rank(a) - rank(b) || (keyOf(a.atoms) < keyOf(b.atoms) ? -1 : 1));
}

export const number = (value: number): Polynomial => (value === 0 ? [] : [{ coefficient: value, atoms: [] }]);
export const atom = (name: string): Polynomial => [{ coefficient: 1, atoms: [name] }];

/** The number that the polynomial is, if it is one. */
export function asNumber(p: Polynomial): number | undefined {
  if (p.length === 0) return 0;
  return p.length === 1 && p[0]!.atoms.length === 0 ? p[0]!.coefficient : undefined;
}

export const add = (a: Polynomial, b: Polynomial): Polynomial => normal([...a, ...b]);
export const scale = (a: Polynomial, by: number): Polynomial => (by === 0 ? [] : a.map((t) => ({ coefficient: t.coefficient * by, atoms: t.atoms })));
export const subtract = (a: Polynomial, b: Polynomial): Polynomial => normal([...a, ...scale(b, -1)]);

/** More than any model's sizes need; products beyond it are not multiplied out. */
const maxAtoms = 24;
const maxTerms = 48;
const degree = (p: Polynomial): number => p.reduce((most, t) => Math.max(most, t.atoms.length), 0);

/** The product, unless it would be too big to be of use. */
export function multiply(a: Polynomial, b: Polynomial): Polynomial | undefined {
  if (a.length * b.length > maxTerms || degree(a) + degree(b) > maxAtoms) return undefined;
  const terms: Term[] = [];
  for (const x of a) for (const y of b) terms.push({ coefficient: x.coefficient * y.coefficient, atoms: [...x.atoms, ...y.atoms].sort() });
  return normal(terms);
}

/** One term divided by one term, if nothing remains. */
function divideTerm(a: Term, b: Term): Term | undefined {
  if (a.coefficient % b.coefficient !== 0) return undefined;
  const atoms = [...a.atoms];
  for (const name of b.atoms) {
    const at = atoms.indexOf(name);
    if (at < 0) return undefined;
    atoms.splice(at, 1);
  }
  return { coefficient: a.coefficient / b.coefficient, atoms };
}

/** a / b rounded down, if that is a polynomial whatever the sizes are. */
export function divide(a: Polynomial, b: Polynomial): Polynomial | undefined {
  if (b.length === 1) {
    const by = b[0]!;
    const exact: Term[] = [];
    let rest: number | undefined;
    for (const term of a) {
      const quotient = divideTerm(term, by);
      if (quotient) exact.push(quotient);
      else if (term.atoms.length === 0 && by.atoms.length === 0) rest = Math.floor(term.coefficient / by.coefficient);
      else return undefined;
    }
    return rest === undefined ? normal(exact) : normal([...exact, { coefficient: rest, atoms: [] }]);
  }
  // The same terms, each the same number of times.
  const ratio = a.length === b.length && b.length > 0 ? a[0]!.coefficient / b[0]!.coefficient : 0;
  const same = Number.isInteger(ratio) && ratio > 0 && a.every((t, i) => keyOf(t.atoms) === keyOf(b[i]!.atoms) && t.coefficient === ratio * b[i]!.coefficient);
  return same ? number(ratio) : undefined;
}

function showTerm({ coefficient, atoms }: Term): string {
  const size = Math.abs(coefficient);
  return atoms.length === 0 ? `${size}` : size === 1 ? keyOf(atoms) : `${size}*${keyOf(atoms)}`;
}
/** Whether all coefficients are exact. */
export const isExact = (p: Polynomial): boolean => p.every((t) => Number.isSafeInteger(t.coefficient));

/** The polynomial as text: "B", "(2*B*S+1)", "(S-1)". */
export function show(p: Polynomial): string {
  const [first] = p;
  if (p.length === 1 && first!.coefficient === 1 && first!.atoms.length === 1) return first!.atoms[0]!;
  return `(${p.map((t, i) => `${t.coefficient < 0 ? "-" : i === 0 ? "" : "+"}${showTerm(t)}`).join("")})`;
}

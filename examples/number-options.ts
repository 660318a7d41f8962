// Numbers on the command line of an example: a word where a number belongs is said to be one, not computed with.

/**
 * The options of `parseArgs` that are numbers, as numbers; ends the program with exit code 2 and a message when one is none.
 *
 * @example
 * const { epochs, lr } = numberOptions(values, ["epochs", "lr"]);
 */
export function numberOptions<K extends string>(values: { readonly [name in K]?: string | undefined }, names: readonly K[]): { readonly [name in K]: number } {
  const numbers = names.map((name): readonly [K, number] => {
    const number = Number(values[name] || Number.NaN);
    if (Number.isFinite(number) && number >= 0) return [name, number];
    console.error(`--${name} ${values[name]}: give a number of at least 0`);
    return process.exit(2);
  });
  return Object.fromEntries(numbers) as { readonly [name in K]: number };
}

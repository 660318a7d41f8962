// Whether what goes to a stream may be coloured: NO_COLOR, FORCE_COLOR (0: never), TERM=dumb, else only on terminals.

export function colorful(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}

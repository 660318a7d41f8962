// Functions that stream.test.ts names by module and export.

export const doubled = ({ n }: { n: number }) => ({ n: 2 * n });

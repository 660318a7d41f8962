// Why something failed, in one line.

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!;

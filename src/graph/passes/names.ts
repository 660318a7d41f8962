// The names of the compiler's passes. No imports: the command line reads it, too.

/** In the order in which the passes run. */
export const passNames = ["fold", "cse", "attention", "row-pushdown", "unpad", "fuse", "autocast", "share", "recompute", "gemm", "dead-code"] as const;
export type PassName = (typeof passNames)[number];

/** false turns a pass off. */
export type PassSwitches = { readonly [name in PassName]?: boolean };

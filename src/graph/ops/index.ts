// All op definitions of the library, one file per family.
import type { OpDef } from "../op-table.js";

export const standardOpDefs: readonly OpDef[] = [];

// Arrow files: memory-mapped tables, writing them as Python's datasets does, and saved data sets.
export { ArrowWriter, type ArrowWriterOptions } from "./arrow-writer.js";
export { type DiskFormat, type DiskState, loadTable, type SaveOptions, savedKind, saveSplits, saveTable } from "./disk.js";
export { openArrow } from "./open-arrow.js";
export { tableBytes } from "./table-size.js";

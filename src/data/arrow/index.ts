// Arrow files: memory-mapped tables, and writing them as Python's datasets does.
export { ArrowWriter, type ArrowWriterOptions } from "./arrow-writer.js";
export { openArrow } from "./open-arrow.js";

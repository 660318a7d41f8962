// Arrow files: memory-mapped tables, and writing them as Python's datasets does.
export { openArrow } from "./open-arrow.js";

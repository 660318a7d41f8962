// Whether JavaScript declares resources (`using`, `await using`): no syntax of Node 20 and 22.

const declaration = /(?:^|[\s;{}(])using\s+[\w$]+\s*(?:=|of\b)/;

/** A text that only looks like it (in a string, in a comment) costs a transformation and changes nothing. */
export const declaresResources = (text: string): boolean => declaration.test(text) && Number(process.versions.node.split(".")[0]) < 24;

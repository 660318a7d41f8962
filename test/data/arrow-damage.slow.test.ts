// Damaged Arrow files, many of them.
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { byteChanges, wordChanges } from "./arrow-damage.js";

test("ten thousand Arrow files with other bytes are read or refused", () => fc.assert(byteChanges, { numRuns: 10_000 }));
test("ten thousand Arrow files with odd numbers are read or refused", () => fc.assert(wordChanges, { numRuns: 10_000 }));

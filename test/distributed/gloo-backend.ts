// How the ranks of the conformance suite make groups over gloo, on loopback.
import { createGlooGroup } from "../../src/distributed/gloo/create-gloo-group.js";
import type { Connect } from "./conformance-tasks.js";

export const connect: Connect = ({ rank, size, store }, setup) => createGlooGroup({ rank, size, store, address: "127.0.0.1", ...setup });

// A program that starts workers which never end: for a test that kills it.
import { debugLauncher } from "accelerate-ts";

await debugLauncher({ filename: new URL("./launched-functions.js", import.meta.url), name: "stay" }, [process.argv[2]]);

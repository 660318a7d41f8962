// Files of the book by name: where they are, and the sha1 that they have.

/** Where the book keeps its data sets and models. */
export const DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/";

/**
 * Address and sha1 of each file by name; add your own.
 *
 * @example
 * DATA_HUB["bert.small"] = [DATA_URL + "bert.small.torch.zip", "c72329e68a732bef0452e4b96a1c341c8910f81f"];
 */
export const DATA_HUB: Record<string, readonly [url: string, sha1: string]> = {
  SNLI: ["https://nlp.stanford.edu/projects/snli/snli_1.0.zip", "9fcde07509c7e87ec61c640c1b2753d9041758e4"],
  "bert.base": [`${DATA_URL}bert.base.torch.zip`, "225d66f04cae318b841a13d32af3acc165f253ac"],
  "bert.small": [`${DATA_URL}bert.small.torch.zip`, "c72329e68a732bef0452e4b96a1c341c8910f81f"],
};

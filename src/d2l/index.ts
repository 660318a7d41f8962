// The kit of the book d2l.ai: `accelerate-ts/d2l`.

/** Where the book keeps its data sets and models. */
export const DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/";

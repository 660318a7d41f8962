// Data files by their addresses.
import { ArgumentError } from "../../errors.js";

export const isUrl = (text: string): boolean => /^https?:\/\//.test(text);

export async function urlFile(url: string, _options: object): Promise<string> {
  throw new ArgumentError(`${url}: files are not fetched yet`, { code: "ERR_FILE_NOT_FOUND" });
}

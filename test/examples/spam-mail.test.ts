// Decoding of mail: what the spam filter reads is what a person would see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readMail } from "../../examples/spam/mail.js";

const mail = (...lines: readonly string[]) => readMail(Buffer.from(lines.join("\r\n"), "latin1"));

test("a Latin-1 body in quoted-printable and an encoded subject become text", async () => {
  const { subject, body } = await mail(
    "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=",
    "Content-Type: text/plain; charset=iso-8859-1",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Sch=F6ne=",
    " Zeit",
  );
  assert.deepEqual({ subject, body }, { subject: "Grüße", body: "Schöne Zeit" });
});

test("base64 in Big5 becomes text", async () => {
  const { body } = await mail("Content-Type: text/plain; charset=big5", "Content-Transfer-Encoding: base64", "", "p0u2Tw==");
  assert.equal(body, "免費");
});

test("a mail of HTML alone becomes its words, without scripts, styles and link targets", async () => {
  const { body } = await mail(
    "Content-Type: text/html",
    "",
    "<html><head><style>p {color: red}</style><script>track()</script></head>",
    "<body><p>Win&nbsp;<b>big</b> &amp; <a href='http://example.com/?id=1'>click</a></p><img src=x.gif alt=x></body></html>",
  );
  assert.equal(body, "Win big & click");
});

test("of alternatives the plain text is read", async () => {
  const { body } = await mail(
    'Content-Type: multipart/alternative; boundary="b"',
    "",
    "--b",
    "Content-Type: text/plain",
    "",
    "plain words",
    "--b",
    "Content-Type: text/html",
    "",
    "<p>marked up words</p>",
    "--b--",
  );
  assert.equal(body, "plain words");
});

test("HTML that is declared as plain text is not read as markup", async () => {
  const { body } = await mail("Content-Type: text/plain", "", "<HTML><BODY bgcolor=red><CENTER>Free money</CENTER></BODY></HTML>");
  assert.equal(body, "Free money");
});

test("headers but the subject are not read, rulers and spaces are shortened", async () => {
  const { subject, body } = await mail("From: friend@example.com", "Subject: hi", "", "a -------- b", "", "", "c");
  assert.deepEqual({ subject, body }, { subject: "hi", body: "a --- b c" });
});

test("an empty mail is two empty texts", async () => {
  assert.deepEqual(await readMail(new Uint8Array()), { subject: "", body: "" });
});

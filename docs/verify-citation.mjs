// Checks a citation of pressmark by docs/citing.md alone, with what comes with Node.js.
// usage: node verify-citation.mjs CITATION [--source FILE] [--root HEX]; exits with 1 where something fails.

import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const KNOWN = "pressmark-citation-1 of contract version 3";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

const need = (holds, value) => {
  if (!holds) throw new TypeError();
  return value;
};
const text = (value) => need(typeof value === "string" && value.isWellFormed(), value);
const list = (value) => need(Array.isArray(value), value);
const number = (value) => Number(need(/^(0|[1-9][0-9]{0,14})$/.test(text(value)), value));

function get(object, ...names) {
  for (const name of names) {
    need(object !== null && typeof object === "object" && !Array.isArray(object) && Object.hasOwn(object, name));
    object = object[name];
  }
  return object;
}

function canonical(value) {
  if (value === null) return Buffer.from("n");
  if (typeof value === "string") {
    const data = Buffer.from(text(value));
    return Buffer.concat([Buffer.from(`s${data.length}:`), data]);
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from(`l${value.length}:`), ...value.map(canonical)]);
  need(typeof value === "object");
  const names = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const pieces = names.flatMap((name) => [canonical(name), canonical(value[name])]);
  return Buffer.concat([Buffer.from(`o${names.length}:`), ...pieces]);
}

const leaf = (row) => sha256(Buffer.from([0]), canonical(row));

function steps(values) {
  const known = ([side, hex]) => ["left", "right"].includes(side) && /^[0-9a-f]{64}$/.test(text(hex));
  return list(values).map((step) => need(list(step).length === 2 && known(step), step));
}

function climb(node, path) {
  for (const [side, hex] of path) {
    const other = Buffer.from(hex, "hex");
    node = sha256(Buffer.from([1]), ...(side === "left" ? [other, node] : [node, other]));
  }
  return node;
}

function decoded(base64) {
  const data = Buffer.from(text(base64), "base64");
  return need(data.toString("base64") === base64, data);
}

function* findings(data, source, root) {
  const cited = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  const held = (holds, what) => [holds ? "ok" : "fail", what];
  const { digest: _, ...content } = get({ cited }, "cited");
  const made = `${text(get(cited, "format"))} of contract version ${text(get(cited, "head", "contract_version"))}`;
  yield held(made === KNOWN, `this is ${made}` + (made === KNOWN ? "" : `, and this program checks ${KNOWN}`));
  yield held(get(cited, "digest") === sha256(canonical(content)).toString("hex"), "the file is as it was written");
  const [row, article, head] = ["paragraph", "article", "head"].map((name) => get(cited, name));
  const [up, across, on] = ["paragraph", "article", "entry"].map((name) => steps(get(cited, "paths", name)));
  const entry = climb(leaf(row), up);
  const led = climb(entry, on).toString("hex") === get(head, "tree");
  const same = entry.equals(climb(leaf(article), across));
  const hashed = sha256(canonical(head)).toString("hex") === get(cited, "root");
  yield held(same && led && hashed, "the rows of paragraph and article are among those that the root is over");
  const id = `${get(article, "article_id")}-${number(get(row, "ordinal")).toString().padStart(4, "0")}`;
  const tables = get(row, "table") === "paragraphs" && get(article, "table") === "articles";
  const shared = ["article_id", "outlet", "source_sha256", "published_at"];
  const equal = shared.every((name) => get(row, name) === get(article, name));
  yield held(tables && get(row, "paragraph_id") === id && equal, "the paragraph is one of the article");
  const long = number(get(row, "char_end")) - number(get(row, "char_start"));
  yield held([...text(get(row, "text"))].length === long, `the text has the ${long} characters that its row says`);
  const [start, end] = ["byte_start", "byte_end"].map((name) => number(get(row, name)));
  const size = number(get(article, "source_bytes"));
  const span = get(cited, "bytes") === null ? null : decoded(cited.bytes);
  const fits = start < end && end <= size && (span === null || span.length === end - start);
  yield held(fits, `the span [${start}, ${end}) lies in the source's ${size} bytes and fits the bytes cited`);
  if (source === undefined) {
    yield ["open", `the bytes cited: give the source with sha256 ${get(row, "source_sha256")}`];
  } else {
    const known = sha256(source).toString("hex") === get(row, "source_sha256") && source.length === size;
    yield held(known, "the source has the hash and the size that the rows say");
    const there = span === null || span.equals(source.subarray(start, end));
    yield held(there, "the bytes cited are those of the source at the span");
  }
  if (root === undefined) yield ["open", `the root ${get(cited, "root")}: compare it with one that you trust`];
  else yield held(get(cited, "root") === root, "the root is the one given");
  yield ["open", `that run ${text(get(cited, "run", "run_id"))} published the root: see \`root\` in the table \`runs\``];
  yield ["open", "that the bytes say the text (law 1): `pressmark verify` checks that"];
}

export function check(data, source, root) {
  const found = [];
  try {
    for (const finding of findings(data, source, root)) if (found.push(finding) && finding[0] === "fail") break;
  } catch {
    found.push(["fail", "this is no citation of pressmark, or a part of it is missing"]);
  }
  return found;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const options = { source: { type: "string" }, root: { type: "string" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const source = values.source && readFileSync(values.source);
  const found = check(readFileSync(positionals[0]), source, values.root?.toLowerCase());
  const words = { ok: "holds       ", fail: "FAILS       ", open: "not checked " };
  for (const [kind, what] of found) console.log(words[kind] + what.replace(/\p{C}/gu, "?"));
  process.exitCode = found.some(([kind]) => kind === "fail") ? 1 : 0;
}

// The search of a room that was written as files: looks for phrases in texts that are Parquet inside of scripts.
// Finds what `pressmark search` finds: the same language of queries, the same characters taken for each other.
"use strict";
const room = (() => {
  const SHOWN = 50, HITS = 3, AROUND = 70, SNIPPET = 260;
  const TERMS = 200, LEVELS = 50;
  const TOKEN = /(\s+)|([()])|(-(?=[^\s)]))|["“]([^"“”]*)["”]|(["“”])|([^\s()"“”]+)/gu;
  const arrived = {};
  const at = (id) => document.getElementById(id);
  let config, fold, members, hidden;

  function data(name, text) {
    arrived[name](Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
  }

  function load(name) {
    const script = document.createElement("script");
    const file = new Promise((resolve, reject) => {
      arrived[name] = resolve;
      script.onerror = () => reject(new Error(`the file data/${name}.js is not there`));
    });
    script.src = `data/${name}.js`;
    document.head.append(script);
    return file.then((bytes) => hyparquet.parquetReadObjects({ file: bytes }));
  }

  const escaped = (one) => `\\u{${one.codePointAt(0).toString(16)}}`;
  function pattern(phrase) {
    const one = (character) => {
      const alike = members.get(character);
      return alike ? `[${[...alike].map(escaped).join("")}]` : escaped(character);
    };
    return [...phrase].map(one).join("");
  }

  // A query as a function of a text; `phrases` are those that a text was found by.
  function parse(query) {
    const tokens = [...query.matchAll(TOKEN)].flatMap(([whole, space, mark, minus, phrase, open, word]) => {
      if (space) return [];
      if (open) throw new Error("a quote has no other end");
      if (word === "-") throw new Error("`-` stands before nothing");
      if (minus) return [{ kind: "NOT" }];
      if (mark || ["AND", "OR", "NOT"].includes(word)) return [{ kind: whole }];
      return [{ kind: "term", text: phrase ?? word, all: word === "*" }];
    });
    if (tokens.filter((token) => token.kind === "term").length > TERMS) throw new Error(`a query has at most ${TERMS} terms`);
    const phrases = [];
    let next = 0;
    const took = (kind) => tokens[next]?.kind === kind && ++next;
    function either(level, wanted) {
      const parts = [together(level, wanted)];
      while (took("OR")) parts.push(together(level, wanted));
      return (text) => parts.some((part) => part(text));
    }
    function together(level, wanted) {
      const parts = [one(level, wanted)];
      while (took("AND") || ["term", "(", "NOT"].includes(tokens[next]?.kind)) parts.push(one(level, wanted));
      return (text) => parts.every((part) => part(text));
    }
    function one(level, wanted) {
      if (level > LEVELS) throw new Error("too many parts lie in each other");
      if (took("NOT")) {
        const part = one(level + 1, !wanted);
        return (text) => !part(text);
      }
      if (took("(")) {
        const inner = either(level + 1, wanted);
        if (!took(")")) throw new Error("a parenthesis is not closed");
        return inner;
      }
      const token = tokens[next];
      if (!took("term")) throw new Error("a word is missing");
      if (token.all) return () => true;
      const phrase = [...token.text].map((character) => fold.get(character) ?? character).join("").replace(/ +/g, " ");
      if (!phrase.trim()) throw new Error("these quotes hold nothing");
      const found = new RegExp(pattern(phrase), "u");
      if (wanted) phrases.push(pattern(phrase));
      return (text) => found.test(text);
    }
    const finds = either(0, true);
    if (next < tokens.length) throw new Error("a parenthesis closes that none opens");
    return { finds, marks: phrases.length ? new RegExp(phrases.join("|"), "gu") : null };
  }

  function element(name, facts, ...inside) {
    const made = Object.assign(document.createElement(name), facts);
    made.append(...inside);
    return made;
  }

  // A text with what is not seen in it shown by its number.
  function shown(text) {
    const parts = [];
    let end = 0;
    for (const found of text.matchAll(hidden)) {
      const number = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.push(text.slice(end, found.index), element("span", { className: "hidden" }, `U+${number}`));
      end = found.index + found[0].length;
    }
    return [...parts, text.slice(end)];
  }

  function snippet(text, marks) {
    const spans = marks ? [...text.matchAll(marks)].map((found) => [found.index, found.index + found[0].length]) : [];
    let start = text.length > SNIPPET && spans.length ? Math.max(spans[0][0] - AROUND, 0) : 0;
    let end = Math.min(start + SNIPPET, text.length);
    // No character of two units is cut.
    if (/[\udc00-\udfff]/.test(text[start] ?? "")) start--;
    if (/[\udc00-\udfff]/.test(text[end] ?? "")) end++;
    const parts = [start ? "…" : ""];
    let done = start;
    for (const [from, to] of spans) {
      if (from >= end || to <= done) continue;
      parts.push(...shown(text.slice(done, from)), element("mark", {}, ...shown(text.slice(from, Math.min(to, end)))));
      done = Math.min(to, end);
    }
    return element("bdi", {}, ...parts, ...shown(text.slice(done, end)), end < text.length ? "…" : "");
  }

  function item({ article, hits }, marks) {
    const page = `article/${article.article_id}`;
    const facts = [article.at?.slice(0, 10) ?? "no date", " · ", element("a", { href: `outlet/${article.outlet}.html` }, article.outlet)];
    if (article.author) facts.push(" · ", element("bdi", {}, ...shown(article.author.slice(0, 80))));
    for (const flag of (article.flags ?? "").split(" ").filter(Boolean)) {
      facts.push(" ", element("span", { className: "flag", title: config.flags[flag] ?? "" }, flag.replaceAll("_", " ")));
    }
    const title = element("bdi", {}, ...shown(article.title || "(no title)"));
    const made = element("li", {},
      element("a", { className: "title", href: `${page}.html`, lang: article.language ?? "" }, title),
      element("p", { className: "facts" }, ...facts));
    made.dataset.item = "";
    hits.sort((a, b) => b.current - a.current || a.ordinal - b.ordinal);
    for (const hit of hits.slice(0, HITS)) {
      const part = hit.ordinal >= config.blocks ? `.page-${Math.floor(hit.ordinal / config.blocks) + 1}` : "";
      const tag = hit.current
        ? element("a", { className: `role-${hit.role} tag`, href: `${page}${part}.html#b${hit.ordinal}` },
          element("span", { className: "role-name" }, hit.role.replaceAll("_", " ")))
        : element("a", { className: "tag old", href: `${page}.html#revisions` }, "superseded");
      made.append(element("p", { className: "hit" }, tag, " ", snippet(hit.text, marks)));
    }
    if (hits.length > HITS) {
      const more = `${hits.length - HITS} more in this article`;
      made.append(element("p", { className: "facts" }, element("a", { href: `${page}.html` }, more)));
    }
    return made;
  }

  // With how many of what was found each choice is left.
  function count(name, values) {
    const numbers = new Map();
    for (const value of values) numbers.set(value, (numbers.get(value) ?? 0) + 1);
    for (const option of document.querySelectorAll(`select[name=${name}] option`)) {
      if (option.value) option.label = `${option.value.replaceAll("_", " ")} (${(numbers.get(option.value) ?? 0).toLocaleString("en")})`;
    }
  }

  async function search(asked) {
    const words = (asked.get("q") ?? "").trim();
    const wanted = (name) => asked.get(name) ?? "";
    for (const name of ["since", "until"]) {
      if (!/^(\d{4}(-\d\d(-\d\d)?)?)?$/.test(wanted(name))) throw new Error(`“${wanted(name)}” is no day; write 2021-03-04, 2021-03 or 2021`);
    }
    const since = wanted("since"), until = wanted("until");
    const inTime = (at) => (!since && !until) || (at && at >= since && (!until || at.slice(0, until.length) <= until));
    const isAsked = (article) => (!wanted("outlet") || article.outlet === wanted("outlet"))
      && (!wanted("language") || article.language === wanted("language"))
      && (!wanted("flag") || (article.flags ?? "").split(" ").includes(wanted("flag")));
    const query = words ? parse(words) : null;
    const articles = await load("articles");
    const known = articles.find((one) => one.article_id === words.split("-")[0] || (words && one.url === words));
    if (known) return location.replace(`article/${known.article_id}.html`);
    const groups = new Map();
    const oldest = wanted("order") === "oldest";
    // By time, those without one last, then by id.
    const isBefore = (x, y) => (!x !== !y ? Boolean(x) : x !== y && (x < y) === oldest);
    const order = (a, b) => {
      if (a.at !== b.at) return isBefore(a.at, b.at) ? -1 : 1;
      return a.article.article_id < b.article.article_id ? -1 : 1;
    };
    let most = SHOWN, hits = 0;
    function show(state) {
      const every = [...groups.values()].sort(order);
      at("found").replaceChildren(...every.slice(0, most).map((group) => item(group, query?.marks)));
      at("more").hidden = every.length <= most;
      const of = `${every.length.toLocaleString("en")} article${every.length === 1 ? "" : "s"}`;
      at("count").textContent = query ? `${hits.toLocaleString("en")} paragraph${hits === 1 ? "" : "s"} in ${of}` : of;
      at("state").textContent = state;
      count("outlet", every.map((group) => group.article.outlet));
      count("language", every.map((group) => group.article.language));
      count("flag", every.flatMap((group) => (group.article.flags ?? "").split(" ")));
      if (query) count("role", every.flatMap((group) => group.hits.map((hit) => hit.role)));
    }
    at("more").onclick = () => show(((most += SHOWN), ""));
    if (!query) {
      // Behind the current ones stand those that are gone; their words alone are looked for.
      articles.slice(0, config.current).forEach((article, number) => {
        if (isAsked(article) && inTime(article.at)) groups.set(number, { article, at: article.at, hits: [] });
      });
      return show("");
    }
    const chunks = config.chunks.filter((one) => (!until || one.first.slice(0, until.length) <= until) && (!since || one.last >= since));
    if (oldest) chunks.reverse();
    for (const [done, chunk] of chunks.entries()) {
      show(`looking … ${done} of ${chunks.length} parts`);
      for (const row of await load(chunk.file)) {
        const article = articles[row.number];
        if (!isAsked(article) || !inTime(row.at) || (wanted("role") && row.role !== wanted("role"))) continue;
        if (!query.finds(row.text)) continue;
        hits++;
        const group = groups.get(row.number) ?? { article, at: row.at, hits: [] };
        groups.set(row.number, group);
        group.hits.push(row);
        if (isBefore(row.at, group.at)) group.at = row.at;
      }
    }
    return show("");
  }

  function start(given) {
    config = given;
    hidden = new RegExp(config.hidden, "gu");
    members = new Map(config.fold.map((alike) => [[...alike][0], alike]));
    fold = new Map(config.fold.flatMap((alike) => [...alike].map((one) => [one, [...alike][0]])));
    const asked = new URLSearchParams(location.search);
    for (const form of document.forms) {
      for (const field of form.elements) if (field.name) field.value = asked.get(field.name) ?? "";
      form.addEventListener("formdata", ({ formData }) => {
        for (const [name, value] of [...formData]) if (!value) formData.delete(name);
      });
    }
    at("asked").addEventListener("change", (event) => event.target.matches("select") && at("asked").requestSubmit());
    search(asked).catch((error) => { at("count").textContent = "This can't be looked for"; at("state").textContent = error.message; });
  }

  return { data, start };
})();

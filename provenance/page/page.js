"use strict";
// The findings of this page: unpacked, filtered, searched, and shown fifty at a time. It writes text, never markup.
(() => {
  const SIZE = 50;
  const CHOICES = ["verdict", "provider", "model", "tool", "similarity", "grade", "evidence", "rule", "source", "zone"];
  const SEARCHED = [["finding", "file"], ["finding", "field"], ["finding", "rule"], ["match", "session"],
    ["match", "path"], ["match", "model"], ["match", "provider"], ["match", "tool"], ["match", "ingredient"]];
  const byId = (name) => document.getElementById(name);
  const many = (count) => count.toLocaleString("en-GB");
  let data, chosen = new Map(), words = "", hits = [], page = 0;

  function make(tag, kind, ...content) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...content.filter((one) => one !== null && one !== ""));
    return made;
  }

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  const of = (column, place) => column.values[column.index[place]];

  // ---- what is chosen ----

  // For each value of a column whether it is wanted: names repeat, so few are compared.
  function wanted(key, value) {
    const not = value.startsWith("!"), name = not ? value.slice(1) : value;
    if (key === "lead") return (one) => String(data.numbers.lead[one]) === name;
    const column = key === "clause" ? data.match.clauses : data.match[key];
    const fits = column.values.map((held) => (key === "clause" ? held.split(" ").includes(name) : held === name) !== not);
    return (one) => fits[column.index[one]];
  }

  function search() {
    const plain = words.toLowerCase();
    if (!plain) return () => true;
    const tests = SEARCHED.map(([side, name]) => {
      const column = data[side][name];
      return [side, column.index, column.values.map((held) => held.toLowerCase().includes(plain))];
    });
    return (number) => data.ids[number].includes(plain) || tests.some(([side, index, fits]) => {
      if (side === "finding") return fits[index[number]];
      for (let one = data.first[number]; one < data.first[number + 1]; one++) if (fits[index[one]]) return true;
      return false;
    });
  }

  function select() {
    const onFinding = [], onMatch = [];
    for (const [key, value] of chosen) {
      const not = value.startsWith("!"), name = not ? value.slice(1) : value;
      if (key in data.finding) {
        const column = data.finding[key], fits = column.values.map((held) => (held === name) !== not);
        onFinding.push((number) => fits[column.index[number]]);
      } else if (key === "lead" || key === "clause" || key in data.match) {
        onMatch.push(wanted(key, value));
      }
    }
    const found = search();
    hits = [];
    for (let number = 0; number < data.count; number++) {
      if (!onFinding.every((test) => test(number)) || !found(number)) continue;
      let fits = !onMatch.length;
      for (let one = data.first[number]; !fits && one < data.first[number + 1]; one++) fits = onMatch.every((test) => test(one));
      if (fits) hits.push(number);
    }
    page = 0;
    show();
  }

  // ---- what is shown ----

  const badge = (action) => make("span", "badge v-" + (/^(block|quarantine|warn|allow)$/.test(action) ? action : "none"), action);
  const code = (text) => make("code", "", text);
  const count = (value, one, more) => many(value) + " " + (value === 1 ? one : more || one + "s");

  function facts(one) {
    const held = {};
    for (const name in data.match) held[name] = of(data.match[name], one);
    for (const name in data.numbers) held[name] = data.numbers[name][one];
    return held;
  }

  function likeness(it) {
    if (it.similarity === "none") return "declares itself: " + it.kind;
    if (it.similarity === "similar") return "similar as a whole, likeness " + it.jaccard + " %";
    return it.similarity + ", " + it.grade + ", " + count(it.tokens, "token");
  }

  function whose(it) {
    const known = { declared: "declared as", heuristic: "guessed as" }[it.evidence] || "recorded as";
    return known + " " + it.model + " (" + it.provider + "), " + it.tool;
  }

  function lines(it) {
    const span = it.first_line === it.last_line ? "line " + many(it.first_line) : "lines " + many(it.first_line) + " to " + many(it.last_line);
    return it.view === "" || it.view === "raw" ? span : span + ", unwrapped (" + it.view + ")";
  }

  function row(name, ...said) {
    return make("div", "", make("dt", "", name), make("dd", "", ...said));
  }

  function match(it, pairs) {
    const shared = it.tokens ? "; " + many(it.verbatim) + " word for word, " + many(it.run) + " in one run, " + it.unit_coverage + " % of the text, " + it.ingredient_coverage + " % of the output" : "";
    const version = it.version && it.version !== "unknown" ? " " + it.version : "";
    const list = make("dl", "",
      row("where", lines(it)),
      row("shared", likeness(it) + shared),
      row("origin", whose(it) + version + ", session " + it.session + ", " + it.time),
      row("evidence", it.evidence + ": " + (data.evidence[it.evidence] || "")),
      row("output", it.kind + (it.path ? " of " + it.path : "") + ", " + it.status + " ", it.ingredient ? code(it.ingredient) : null,
        it.others ? " and " + count(it.others, "further output") : null),
      row("policy", badge(it.action), it.level ? " " + it.level : "", it.would && it.would !== it.action ? "; the rule by itself says " + it.would : ""));
    if (it.waiver) list.append(row("waiver", it.waiver + ": " + (data.standing[it.standing] || it.standing)));
    if (it.clauses) list.append(row("clauses", ...it.clauses.split(" ").flatMap((name) => [code(name), " "])));
    return make("div", "match", list, ...pairs.map(beside));
  }

  function beside(pair) {
    const sides = [];
    if (pair.ours) sides.push(side("In the dataset", pair.ours));
    if (pair.theirs) sides.push(side("Recorded output" + (pair.verified ? "" : ", not verified against the store"), pair.theirs));
    return make("div", "beside", ...sides);
  }

  function side(title, part) {
    const text = make("pre", "", part.before, make("mark", "", part.matched), part.after);
    text.tabIndex = 0;
    return make("figure", "", make("figcaption", "", title), text);
  }

  function card(number) {
    const ones = [];
    for (let one = data.first[number]; one < data.first[number + 1]; one++) ones.push(facts(one));
    const best = ones.reduce((held, one) => {
      const better = (one.grade !== "idiom") - (held.grade !== "idiom") || one.tokens - held.tokens;
      return better > 0 ? one : held;
    });
    const it = {};
    for (const name in data.finding) it[name] = of(data.finding[name], number);
    const place = it.field ? it.file + ", row " + many(data.row[number]) + ", " + it.field : it.file;
    const more = ones.length > 1 ? "; " + count(ones.length - 1, "further match", "further matches") : "";
    const made = make("details", "finding", make("summary", "", badge(it.verdict), make("span", "place", place),
      make("span", "gist", likeness(best) + "; " + whose(best) + more)));
    made.addEventListener("toggle", () => {
      if (made.childElementCount > 1) return;
      const pairs = data.texts[number] || [];
      made.append(
        make("p", "ids", "finding ", code(data.ids[number]), ", decided by " + it.rule + (it.zone ? ", zone " + it.zone : "") +
          (it.baseline ? ", baseline: " + it.baseline : "") + ", text of " + count(data.unit[number], "token")),
        ...ones.map((one, at) => match(one, pairs.filter((pair) => pair.match === at))));
    });
    return made;
  }

  function show() {
    const first = page * SIZE, last = Math.min(first + SIZE, hits.length), pages = Math.ceil(hits.length / SIZE);
    byId("cards").replaceChildren(...hits.slice(first, last).map(card));
    byId("state").textContent = hits.length
      ? "Findings " + many(first + 1) + " to " + many(last) + " of " + many(hits.length) + (hits.length < data.count ? " that fit, of " + many(data.count) + " in all." : ".")
      : "No finding fits; " + many(data.count) + " in all.";
    const turn = (name, to, off) => {
      const button = make("button", "", name);
      button.type = "button";
      button.disabled = off;
      button.addEventListener("click", () => { page = to; show(); byId("state").scrollIntoView(); });
      return button;
    };
    const nav = byId("pages");
    nav.hidden = pages < 2;
    nav.replaceChildren(turn("First", 0, page === 0), turn("Previous", page - 1, page === 0),
      make("span", "", "Page " + many(page + 1) + " of " + many(pages)),
      turn("Next", page + 1, page >= pages - 1), turn("Last", pages - 1, page >= pages - 1));
    choices();
  }

  // ---- the form ----

  let boxes = new Map();

  function form() {
    for (const key of CHOICES) {
      const side = key in data.finding ? "finding" : "match", column = data[side][key];
      if (column.values.length < 2 || column.values.length > 300) continue;
      const box = make("select");
      const names = [...column.values].sort();
      box.append(new Option("any", ""), ...names.map((name) => new Option(name.length > 60 ? "…" + name.slice(-58) : name || "(none)", name)));
      box.addEventListener("change", () => {
        if (box.selectedIndex) chosen.set(key, box.value); else chosen.delete(key);
        remember();
        select();
      });
      boxes.set(key, box);
      byId("choices").append(make("label", "", key === "source" ? "file" : key, box));
    }
    byId("choices").append(make("div", "chips"));
    let waiting;
    byId("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { words = event.target.value.trim(); select(); }, 120);
    });
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").hidden = false;
    if (byId("rest")) byId("rest").remove();
  }

  const SAID = { lead: "records once, by their strongest match", worst: "record: " };

  function choices() {
    const chips = byId("choices").querySelector(".chips");
    chips.replaceChildren();
    for (const [key, value] of chosen) {
      const box = boxes.get(key), at = box ? [...box.options].findIndex((one, place) => place && one.value === value) : -1;
      if (box) box.selectedIndex = Math.max(at, 0);
      if (at > 0) continue;
      const said = key === "lead" ? SAID.lead : (SAID[key] || key + ": ") + (value.startsWith("!") ? "not " + value.slice(1) : value);
      const chip = make("button", "chip", said + " ✕");
      chip.type = "button";
      chip.setAttribute("aria-label", "Remove the filter: " + said);
      chip.addEventListener("click", () => { chosen.delete(key); remember(); select(); });
      chips.append(chip);
    }
    for (const [key, box] of boxes) if (!chosen.has(key)) box.selectedIndex = 0;
    if (chosen.size || words) {
      const all = make("button", "chip", "Show all");
      all.type = "button";
      all.addEventListener("click", () => { chosen.clear(); words = ""; byId("search").value = ""; remember(); select(); });
      chips.append(all);
    }
  }

  function remember() {
    const query = new URLSearchParams([...chosen]).toString();
    history.replaceState(null, "", query ? "#findings?" + query : "#findings");
  }

  function recall() {
    const [, query] = location.hash.split("?");
    if (query === undefined) return false;
    chosen = new Map(new URLSearchParams(query));
    return true;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    if (!link || !data) return;
    event.preventDefault();
    history.pushState(null, "", "#findings?" + link.dataset.filter);
    recall();
    words = byId("search").value = "";
    select();
    byId("findings").scrollIntoView();
    byId("state").focus({ preventScroll: true });
  });
  addEventListener("popstate", () => { if (data && recall()) select(); });

  async function start() {
    try {
      data = await unpack(byId("data").textContent);
    } catch (error) {
      byId("state").textContent = "The findings could not be unpacked in this browser; the first ones are listed, all are in findings.parquet.";
      return;
    }
    byId("state").tabIndex = -1;
    form();
    const linked = recall();
    select();
    if (linked) byId("findings").scrollIntoView();
    document.documentElement.dataset.ready = "1";
  }

  // After the statement is on the screen.
  requestAnimationFrame(() => setTimeout(start));
})();

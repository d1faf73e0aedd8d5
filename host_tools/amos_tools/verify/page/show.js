// A verified statement as a person reads it. Only times are rounded; amounts are exact to the millionth.

const REASONS = {
  over_time: "more play than time since the player was enrolled",
  post_lease: "begun after the lease of its pack",
  stem_lease: "begun after its own lease",
  post_opt_out: "begun after it was withdrawn",
  revoked: "undated, and came after the player's key was revoked",
};
const PROVED = [
  "The ledger signed this statement in its log, and each stem's play is that of the period's closing.",
  "Play, weights, rates, lines and the amount follow from that play, the stated shares and the pool.",
];
const NOT_PROVED =
  "Only `amos verify --full` with the ledger's audit folder shows that no segment was left out, of another pool or counted twice, " +
  "that shares and texts are the catalogue's, how play was judged and on which days it was, that no stem with a " +
  "smaller share is missing, " +
  "and the opening balances.";

function element(name, content = [], className = "") {
  const made = document.createElement(name);
  made.append(...[content].flat());
  if (className) made.className = className;
  return made;
}

// Rows of texts; the columns from `numbers` on are numbers.
function table(caption, heads, rows, numbers, foot = null) {
  const cell = (name) => (text, at) => element(name, text, at >= numbers ? "number" : "");
  const line = (name, texts) => element("tr", texts.map(cell(name)));
  const parts = [element("caption", caption), element("thead", line("th", heads))];
  parts.push(element("tbody", rows.map((row) => line("td", row))));
  if (foot) parts.push(element("tfoot", line("td", foot)));
  return element("table", parts);
}

const money = (micro) => (micro < 0n ? `-${decimal(-micro)}` : decimal(micro));
const percent = (ppm) => `${ppm / 10000n}.${String(ppm % 10000n).padStart(4, "0")} %`;

// Hours, minutes and seconds to the millisecond, rounded down.
function clock(text) {
  const [upper, lower] = text.split("/").map(BigInt);
  const whole = upper / lower;
  const digits = (number, count) => String(number).padStart(count, "0");
  const [minutes, seconds] = [(whole / 60000n) % 60n, (whole / 1000n) % 60n];
  return `${whole / 3600000n}:${digits(minutes, 2)}:${digits(seconds, 2)}.${digits(whole % 1000n, 3)}`;
}

// Which pool, where there are several.
const poolOf = (core) => (core.pool.name === undefined ? "" : `, pool ${core.pool.name}`);

function statementParts({ core, detail, head, closing, closingIndex }) {
  const parts = [element("h2", `${core.payee}, ${core.period}${poolOf(core)}: ${core.amount} ${core.currency}`)];
  parts.push(factList([
    ["Ledger", `${head.origin}, ${head.size} entries, by the key ${hexOf(head.line.at(-1).key)}`],
    ["Closing", `entry ${closingIndex} of its log, of ${closing.segments} segments of ${closing.devices} players`],
    ["Pool", `${money(closing.pool_micro)} ${core.currency} for ${clock(core.pool.play_ms)} of play`],
    ["Rate", `${core.pool.rate_micro_per_ms} micro-units for each millisecond`],
  ]));
  parts.push(balanceTable(core), linesTable(core));
  if (core.unpaid.length) parts.push(unpaidTable(core));
  if (core.balance.transfers.length) parts.push(transfersTable(core));
  if (detail && core.lines.length + core.unpaid.length) parts.push(...detailTables(detail));
  parts.push(element("h3", "What this check shows"), element("ul", PROVED.map((text) => element("li", text))));
  parts.push(element("h3", "What it cannot show"), element("p", NOT_PROVED));
  return parts;
}

function factList(facts) {
  return element("dl", facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function balanceTable({ balance, currency }) {
  const names = { payable: "payable", frozen_late: "frozen late", held: "held" };
  const rows = Object.entries(names).map(([name, words]) => {
    const { opening_micro: opening, closing_micro: closing } = balance[name];
    return [words, money(opening), money(closing - opening), money(closing)];
  });
  return table(`Accounts, in ${currency}`, ["account", "opening", "change", "closing"], rows, 1);
}

function linesTable({ lines, amount, play_ms: played, currency }) {
  const texts = ["title", "artist", "ISRC", "first", "last", "account"];
  const heads = [...texts, "plays", "players", "in play", "share", currency];
  const rows = lines.map((line) => [
    ...[line.title, line.artist, line.isrc, line.first, line.last, line.account.replace("_", " ")],
    ...[`${line.plays}`, `${line.devices}`, clock(line.play_ms), percent(line.ppm), money(line.amount_micro)],
  ]);
  return table("What earned", heads, rows, 6, ["total", "", "", "", "", "", "", "", clock(played), "", amount]);
}

function unpaidTable({ unpaid }) {
  const rows = unpaid.map((line) => [
    ...[line.title, line.artist, REASONS[line.reason], `${line.plays}`, clock(line.play_ms)],
  ]);
  return table("What played and earned nothing", ["title", "artist", "why", "plays", "in play"], rows, 3);
}

// Days and venues of all lines together; how venues appear is the operator's policy.
function detailTables({ whole, venues }) {
  const days = whole.days.flatMap(([first, ...parts]) => parts.map((ms, at) => [dayAfter(first, at), ms]));
  const dated = days.filter(([, ms]) => ms).map(([day, ms]) => [day, clock(`${ms}/1`)]);
  if (whole.undated_ms) dated.push(["undated", clock(`${whole.undated_ms}/1`)]);
  const named = whole.venues.map(([name, ms]) => [name || "(not stated)", clock(`${ms}/1`)]);
  const [more, moreMs] = whole.more_venues;
  if (more) named.push([`${more} more`, clock(`${moreMs}/1`)]);
  const heading = `In play, by venue (by ${venues}; ${whole.sites} ${whole.sites === 1n ? "site" : "sites"})`;
  return [table("In play, by day (UTC)", ["day", "in play"], dated, 1), table(heading, ["venue", "in play"], named, 1)];
}

const dayAfter = (first, count) => new Date(Date.parse(first) + count * DAY_MS).toISOString().slice(0, 10);

function transfersTable({ balance, currency }) {
  const rows = balance.transfers.map((moved) => [
    moment(moved.unix_s), moved.kind, moved.debit, moved.credit, moved.reason, money(moved.amount_micro),
  ]);
  return table(`Transfers, in ${currency}`, ["when", "kind", "from", "to", "reason", "amount"], rows, 5);
}

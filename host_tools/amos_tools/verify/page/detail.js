// Days and venues of a statement: they add up to its lines, and the ledger signed them. How venues appear is the
// operator's word.

const DETAIL_FORMAT = "amos-statement-detail/1";
const DETAIL_CONTEXT = utf8("amos/1/statement-detail\0");
const VENUE_POLICIES = ["name", "region", "pseudonym"];
const VENUE_BYTES_MAX = 1024;
const DAY_MS = 86400000;
const DETAIL = {
  format: "text", left_out: "integer", lines: "array", signature: "text", venues: "text", whole: "object",
};
const TOLD = {
  days: "array", more_venues: "array", sites: "integer", undated_ms: "integer", venues: "array",
};

const wholeMs = (text) => {
  const [upper, lower] = text.split("/").map(BigInt);
  return upper / lower;
};

// `core` was checked before; `key` is the ledger's.
async function checkDetail(part, core, key) {
  const found = fields("detail", part, DETAIL);
  same("detail.format", DETAIL_FORMAT, found.format);
  if (!VENUE_POLICIES.includes(found.venues)) {
    throw new Difference("detail.venues", `one of ${VENUE_POLICIES.join(", ")}`, found.venues);
  }
  const lines = ["lines", "unpaid"].flatMap((of) => core[of].map((line, at) => ({ of, at: BigInt(at), line })));
  const played = spelledRatio(ratioSum(lines.map(({ line }) => readRatio("detail.whole", line.play_ms))));
  checkTold("detail.whole", fields("detail.whole", found.whole, TOLD), wholeMs(played));
  let before = -1;
  for (const [number, item] of objects("detail.lines", found.lines, { ...TOLD, of: "text", line: "integer" }).entries()) {
    const label = `detail.lines[${number}]`;
    const place = lines.findIndex(({ of, at }) => of === item.of && at === item.line);
    if (place <= before) {
      throw new Difference(label, "one of the statement's lines, in their order", `${item.of} ${item.line}`);
    }
    before = place;
    checkTold(label, item, wholeMs(lines[place].line.play_ms));
  }
  same("detail.left_out", BigInt(lines.length - found.lines.length), found.left_out);
  const signature = hexBytes("detail.signature", found.signature, 64);
  const { signature: _signature, ...rest } = found;
  const message = joined(DETAIL_CONTEXT, await sha256(coreBytes(core)), coreBytes(rest));
  if (!(await goodSignature(key, message, signature))) {
    const expected = `one by the ledger's key ${hexOf(key)}`;
    throw new Difference("detail.signature", expected, "one that does not verify");
  }
}

// Days add up to the time in play, and so do venues.
function checkTold(label, item, ms) {
  same(`${label}.days, sum`, ms, daysMs(label, item.days) + item.undated_ms);
  if (ms && !item.sites) throw new Difference(`${label}.sites`, "1 or more", item.sites);
  let venuesMs = 0n;
  for (const [number, pair] of item.venues.entries()) {
    const place = `${label}.venues[${number}]`;
    if (typed(place, pair, "array").length !== 2) {
      throw new Difference(place, "a venue and its milliseconds", "another value");
    }
    if (utf8(typed(`${place}[0]`, pair[0], "text")).length > VENUE_BYTES_MAX) {
      throw new Difference(`${place}[0]`, `at most ${VENUE_BYTES_MAX} bytes`, "more");
    }
    venuesMs += typed(`${place}[1]`, pair[1], "integer");
  }
  if (item.more_venues.length !== 2) {
    throw new Difference(`${label}.more_venues`, "how many, and their milliseconds", "another value");
  }
  const [count, more] = item.more_venues.map((value, at) => typed(`${label}.more_venues[${at}]`, value, "integer"));
  same(`${label}.venues, sum`, ms, venuesMs + more);
  const venues = BigInt(item.venues.length) + count;
  if (venues > item.sites) {
    throw new Difference(`${label}.venues, count`, `at most ${item.sites}, the sites`, venues);
  }
}

function daysMs(label, runs) {
  let [end, total] = ["", 0n];
  for (const [number, run] of runs.entries()) {
    const place = `${label}.days[${number}]`;
    if (typed(place, run, "array").length < 2) {
      throw new Difference(place, "a date and the milliseconds of one day or more", "another value");
    }
    const first = dayOf(`${place}[0]`, run[0]);
    if (run[0] < end) throw new Difference(`${place}[0]`, `${end} or later`, run[0]);
    total += sum(run.slice(1).map((value, at) => typed(`${place}[${at + 1}]`, value, "integer")));
    const after = new Date(first + (run.length - 1) * DAY_MS);
    if (Number.isNaN(after.getTime()) || after.getUTCFullYear() > 9999) {
      throw new Difference(place, "days before the year 10000", run[0]);
    }
    end = after.toISOString().slice(0, 10);
  }
  return total;
}

// Milliseconds since 1970 of a day's beginning.
function dayOf(label, text) {
  const found = /^\d{4}-\d\d-\d\d$/.test(typed(label, text, "text")) ? Date.parse(text) : NaN;
  if (!(found >= 0) || new Date(found).toISOString().slice(0, 10) !== text) {
    throw new Difference(label, "a day like 2026-11-03", text);
  }
  return found;
}

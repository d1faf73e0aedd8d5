// Every figure of a statement, from the play of its rows. All arithmetic is exact: whole numbers, and
// fractions of them.

const ACCOUNTS = ["payable", "frozen_late"];
const STANDINGS = ["paid", "frozen_late", "over_time", "post_lease", "stem_lease", "post_opt_out", "revoked"];
const ACCRUALS = ["by_clock", "late", "by_reception", "by_enrolment"];
const FLAGS = ["undated", "far_dated", "before_enrolment", "over_time"];
const MINOR_DIGITS_OF = {
  0: "CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
  3: "BHD IQD JOD KWD LYD OMR TND",
};

// A fraction is [upper, lower] in lowest terms.
function ratio(upper, lower) {
  let [one, other] = [upper, lower];
  while (other) [one, other] = [other, one % other];
  return one ? [upper / one, lower / one] : [0n, 1n];
}

const spelledRatio = ([upper, lower]) => `${upper}/${lower}`;
const ratioSum = (items) => items.reduce(([a, b], [c, d]) => ratio(a * d + c * b, b * d), [0n, 1n]);
const playedMs = (parts) => ratioSum(parts.map((part) => ratio(1000n * part.frames, part.rate_hz)));

function readRatio(label, text) {
  const [, upper, lower] = (text.length < 100 && /^([0-9]+)\/([0-9]+)$/.exec(text)) || [];
  const found = upper !== undefined && BigInt(lower) ? ratio(BigInt(upper), BigInt(lower)) : null;
  if (found === null || spelledRatio(found) !== text) throw new Difference(label, "a fraction in lowest terms", text);
  return found;
}

// Lines, what earned nothing, and the amounts.
async function statedPlay(core, closing, rows, shares) {
  const { lines, unpaid, weights } = statedLines(closing, rows, shares);
  const weight = sum(weights);
  const amount = statedAmount(core.amount_micro, weight, closing);
  const lots = await Promise.all(lines.map((line) => lotOf(closing.period, core.payee, line)));
  divided(amount, weights, lots).forEach((micro, at) => (lines[at].amount_micro = micro));
  const digits = Object.keys(MINOR_DIGITS_OF).find((key) => MINOR_DIGITS_OF[key].includes(closing.currency)) ?? 2;
  const unit = 10n ** (6n - BigInt(digits));
  return {
    amount_micro: amount,
    amount: decimal(amount),
    frozen_late_micro: sum(lines.filter((line) => line.account === ACCOUNTS[1]).map((line) => line.amount_micro)),
    minor_units: { digits: BigInt(digits), whole: amount / unit, rest_micro: amount % unit },
    play_ms: spelledRatio(ratioSum(lines.map((line) => readRatio("core.play_ms", line.play_ms)))),
    earning_ms: spelledRatio(ratio(1000n * weight, closing.ticks_hz * PPM)),
    lines,
    unpaid,
  };
}

const decimal = (micro) => `${micro / PPM}.${String(micro % PPM).padStart(6, "0")}`;

// One line for each stem, rights and standing, in the order of stems.
function statedLines(closing, rows, shares) {
  const found = { lines: [], unpaid: [], weights: [] };
  const byStem = [...rows.values()].sort((one, other) => (hexOf(one.stem_id) < hexOf(other.stem_id) ? -1 : 1));
  for (const row of byStem) {
    for (const parts of groups(row.parts)) {
      const { rights, standing } = parts[0];
      const ppm = shares.ppm.get(`${hexOf(row.stem_id)} ${rights}`);
      if (ppm === undefined) continue; // no share in what was played then
      const line = statedLine(row, rights, parts, shares, ppm);
      if (standing < EARNING) {
        found.lines.push({ ...line, account: ACCOUNTS[standing] });
        found.weights.push(ticksOf("row", parts, closing.ticks_hz) * ppm);
      } else {
        found.unpaid.push({ ...line, reason: STANDINGS[standing] });
      }
    }
  }
  return found;
}

// Parts by rights and standing, in their order, in which equals stand side by side.
function groups(parts) {
  const found = [];
  for (const part of parts) {
    const last = found.at(-1)?.[0];
    if (last?.rights === part.rights && last?.standing === part.standing) found.at(-1).push(part);
    else found.push([part]);
  }
  return found;
}

function statedLine(row, rights, parts, shares, ppm) {
  const stem = hexOf(row.stem_id);
  const firsts = parts.flatMap((part) => part.first_unix_s ?? []);
  const lasts = parts.flatMap((part) => part.last_unix_s ?? []);
  return {
    stem,
    ...shares.texts.get(stem),
    rights,
    ppm,
    frames: parts.map(({ accrual, tier, rate_hz, frames }) => ({ accrual: ACCRUALS[accrual], tier, rate_hz, frames })),
    plays: sum(parts.map((part) => part.plays)),
    devices: row.cells,
    first: firsts.length ? moment(firsts.reduce((one, other) => (other < one ? other : one))) : "",
    last: lasts.length ? moment(lasts.reduce((one, other) => (other > one ? other : one))) : "",
    play_ms: spelledRatio(playedMs(parts)),
  };
}

const moment = (unixS) => new Date(Number(unixS) * 1000).toISOString().replace(".000Z", "Z");

// The exact share of the pool, rounded down, or up where there is a remainder. Which payee got the last micro-units,
// one statement cannot tell.
function statedAmount(amount, weight, closing) {
  const whole = closing.ticks * PPM;
  if (weight > whole) throw new Difference("core.lines, weight", `at most ${whole}, that of the pool`, weight);
  const floor = (closing.pool_micro * weight) / (whole || 1n);
  const rest = (closing.pool_micro * weight) % (whole || 1n);
  if (amount !== floor && !(rest && amount === floor + 1n)) {
    throw new Difference("core.amount_micro", rest ? `${floor} or ${floor + 1n}` : floor, amount);
  }
  return amount;
}

// What decides between lines with equal remainders.
async function lotOf(period, payee, line) {
  const ending = Uint8Array.of(ACCOUNTS.indexOf(line.account));
  const bytes = joined(utf8(`${period}\0${payee}\0`), bytesOfHex(line.stem), bigEndian(line.rights, 8), ending);
  return hexOf(await sha256(bytes));
}

// Largest remainder: each its share rounded down, then one more each to those that lost most by it.
function divided(pool, weights, lots) {
  const total = sum(weights) || 1n;
  const amounts = weights.map((weight) => (pool * weight) / total);
  const lost = weights.map((weight) => (pool * weight) % total);
  const queue = weights.map((_, at) => at).sort((one, other) => {
    if (lost[one] !== lost[other]) return lost[one] > lost[other] ? -1 : 1;
    return lots[one] < lots[other] ? -1 : 1;
  });
  for (const at of queue.slice(0, Number(pool - sum(amounts)))) amounts[at] += 1n;
  return amounts;
}

// The pool as the closing has it. Its counts are the ledger's word, but they must be possible.
function statedPool(pool, closing, rows) {
  const counts = {};
  for (const name of [...ACCRUALS, ...FLAGS].map((flag) => `segments_${flag}`)) {
    counts[name] = typed(`core.pool.${name}`, pool[name], "integer");
    if (counts[name] > closing.segments) {
      throw new Difference(`core.pool.${name}`, `at most ${closing.segments}, all segments`, counts[name]);
    }
  }
  const accrued = sum(ACCRUALS.map((name) => counts[`segments_${name}`]));
  same("core.pool, segments by accrual", closing.segments, accrued);
  const told = ["income_micro", "carry_in_micro", "pool_micro", "carry_out_micro", "ticks", "ticks_hz", "stems"];
  const { pool_micro: money, ticks, ticks_hz: hz } = closing;
  const named = closing.pool === "communal" ? "" : `${closing.pool}/`;
  return {
    ...(closing.version === 6n ? { name: closing.pool } : {}),
    ...Object.fromEntries([...told, "segments", "devices"].map((name) => [name, closing[name]])),
    carry_account: `carry/${named}${closing.currency}`,
    payees: closing.statements,
    play_ms: spelledRatio(ratio(1000n * ticks, hz)),
    rate_micro_per_ms: spelledRatio(ticks ? ratio(money * hz, 1000n * ticks) : [0n, 1n]),
    catalogue_sha256: hexOf(closing.catalogue_sha256),
    ...counts,
    unpaid_ms: statedUnpaid(pool.unpaid_ms, rows),
  };
}

// Of all play that earned nothing there is at least as much as in the rows of this statement.
function statedUnpaid(found, rows) {
  const names = STANDINGS.slice(Number(EARNING));
  const told = fields("core.pool.unpaid_ms", found, Object.fromEntries(names.map((name) => [name, "text"])));
  const parts = [...rows.values()].flatMap((row) => row.parts);
  for (const name of names) {
    const label = `core.pool.unpaid_ms.${name}`;
    const [upper, lower] = readRatio(label, told[name]);
    const least = playedMs(parts.filter((part) => STANDINGS[part.standing] === name));
    if (upper * least[1] < least[0] * lower) {
      throw new Difference(label, `at least ${spelledRatio(least)}, as in these rows`, told[name]);
    }
  }
  return told;
}

// A statement of version 4, by itself and the ledger's key: what the ledger signed, and every figure that
// follows from it.

const STATEMENT_BYTES_MAX = 64 * 1024 * 1024;
// By the version of the closing.
const FORMATS = { 4: "amos-statement/4", 5: "amos-statement/4", 6: "amos-statement/6" };
const PPM = 1000000n;
const PAYEES_OF_A_STEM_MAX = 32n;
const CORE = {
  amount: "text", amount_micro: "integer", balance: "object", currency: "text", earning_ms: "text", format: "text",
  frozen_late_micro: "integer", lines: "array", minor_units: "object", payee: "text", period: "text", play_ms: "text",
  pool: "object", unpaid: "array",
};
const PROOF = {
  checkpoint: "text", closing: "object", rotations: "array", statement: "object", stems: "object", transfers: "array",
};
const PLAYED = {
  artist: "text", devices: "integer", first: "text", frames: "array", isrc: "text", last: "text", play_ms: "text",
  plays: "integer", ppm: "integer", rights: "integer", stem: "text", title: "text",
};

// What the statement says and rests on. Throws `Unreadable`, or `Difference` at the first field that does not follow.
async function checkStatement(data, ledgerKey, pinnedOrigin) {
  const read = readJson("statement", data, STATEMENT_BYTES_MAX);
  const parts = { core: "object", proof: "object", ...("detail" in read ? { detail: "object" } : {}) };
  const whole = fields("statement", read, parts);
  const core = fields("core", whole.core, CORE);
  if (!Object.values(FORMATS).includes(core.format)) {
    throw new Difference("core.format", FORMATS[core.pool.name === undefined ? 4 : 6], core.format);
  }
  if (!/^[a-z0-9_-]{1,64}$/.test(core.payee)) {
    throw new Difference("core.payee", "1 to 64 of the letters a-z, digits, - and _", core.payee);
  }
  const proof = fields("proof", whole.proof, PROOF);
  const head = await readHead("proof", proof, ledgerKey, pinnedOrigin);
  const { index, closing } = await readClosing("proof.closing", proof.closing, head);
  const rows = await readRows(proof.stems, closing);
  const transfers = await provedTransfers("proof.transfers", proof.transfers, head, index);
  const place = fields("proof.statement", proof.statement, { index: "integer", path: "array" });
  const path = hashPath("proof.statement.path", place.path);
  firstDifference("core", await statedCore(core, closing, rows, transfers), core);
  const leaf = await leafHash(coreBytes(core));
  await checkPath("proof.statement", leaf, place.index, closing.statements, path, closing.statements_root);
  if (whole.detail) await checkDetail(whole.detail, core, head.line.at(-1).key);
  return { core, detail: whole.detail, head, closing, closingIndex: index, rows };
}

// The core that follows from closing, rows and transfers, with what only the statement itself tells: texts and shares.
async function statedCore(core, closing, rows, transfers) {
  const shares = statedShares(core);
  checkLeads(core.payee, rows, shares);
  const pool = statedPool(core.pool, closing, rows);
  const expected = { format: FORMATS[closing.version], period: closing.period, currency: closing.currency, payee: core.payee, pool };
  Object.assign(expected, await statedPlay(core, closing, rows, shares));
  same("core.lines, count", expected.lines.length, core.lines.length);
  const [amount, frozen] = [expected.amount_micro, expected.frozen_late_micro];
  const credited = { payable: amount - frozen, frozen_late: frozen, held: 0n };
  expected.balance = statedBalance(core.balance, transfers, core.payee, closing.currency, credited);
  return expected;
}

// Texts by stem, and the payee's share (ppm) by stem and rights: a stem has the same in all its lines.
function statedShares(core) {
  const shares = { texts: new Map(), ppm: new Map() };
  const kinds = [["lines", { account: "text", amount_micro: "integer" }], ["unpaid", { reason: "text" }]];
  for (const [name, more] of kinds) {
    for (const [number, line] of objects(`core.${name}`, core[name], { ...PLAYED, ...more }).entries()) {
      const label = `core.${name}[${number}]`;
      if (line.ppm < 1n || line.ppm > PPM) throw new Difference(`${label}.ppm`, `1 to ${PPM}`, line.ppm);
      hexBytes(`${label}.stem`, line.stem, 16);
      const { title, artist, isrc } = line;
      if (!shares.texts.has(line.stem)) shares.texts.set(line.stem, { title, artist, isrc });
      const key = `${line.stem} ${line.rights}`;
      if (!shares.ppm.has(key)) shares.ppm.set(key, line.ppm);
      same(`${label}.ppm`, shares.ppm.get(key), line.ppm);
    }
  }
  return shares;
}

// Every row is of a stem of this payee, and those that the payee leads stand side by side, so that none is left out.
function checkLeads(payee, rows, shares) {
  const label = "proof.stems.rows";
  const shown = new Set([...rows.values()].map((row) => hexOf(row.stem_id)));
  for (const stem of shares.texts.keys()) {
    if (!shown.has(stem)) throw new Difference(label, `the row of stem ${stem}, which has a line`, "none");
  }
  const led = [...rows].filter(([, row]) => row.lead === payee).map(([index]) => index);
  for (const [at, index] of led.entries()) {
    if (at && index !== led[at - 1] + 1n) {
      throw new Difference(label, `row ${led[at - 1] + 1n}, whose lead is ${payee} too`, `row ${index}`);
    }
  }
  for (const [index, row] of rows) checkLead(`${label}, index ${index}`, payee, row, shares);
}

function checkLead(label, payee, row, shares) {
  const stem = hexOf(row.stem_id);
  const ppm = shares.ppm.get(`${stem} ${row.parts[0].rights}`);
  if (!shares.texts.has(stem)) throw new Difference(label, "a row of a stem that has a line", `one of ${stem}`);
  if (row.lead === payee && (ppm === undefined || ppm * PAYEES_OF_A_STEM_MAX < PPM)) {
    throw new Difference(`${label}, lead`, `a line of ${payee} with the largest share of it`, ppm ?? "none");
  }
  if (row.lead !== payee && ppm !== undefined && 2n * ppm > PPM) {
    throw new Difference(`${label}, lead`, `${payee}, whose share is ${ppm} ppm`, row.lead);
  }
}

// The first place, in order of names, where `found` is not `expected`.
function firstDifference(path, expected, found) {
  const [one, other] = [expected, found].map((item) => TYPES.object[1](item));
  if (Array.isArray(expected) && Array.isArray(found)) {
    for (let at = 0; at < Math.min(expected.length, found.length); at += 1) {
      firstDifference(`${path}[${at}]`, expected[at], found[at]);
    }
    same(`${path}, count`, expected.length, found.length);
  } else if (one && other) {
    for (const name of [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort(byCodePoints)) {
      if (!(name in found) || !Object.hasOwn(expected, name)) {
        throw new Difference(`${path}.${name}`, expected[name] ?? "nothing", found[name] ?? "nothing");
      }
      firstDifference(`${path}.${name}`, expected[name], found[name]);
    }
  } else {
    same(path, expected, found);
  }
}

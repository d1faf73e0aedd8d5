// Transfers between accounts, and what they leave on the payee's (SPEC sections 12 and 16).

const TRANSFER = {
  1: ["version", "integer", U8],
  2: ["number", "integer", U63],
  3: ["unix_s", "integer", UNIX_S_MAX],
  4: ["kind", "text", 64],
  5: ["currency", "text", 3],
  6: ["debit", "text", 96],
  7: ["credit", "text", 96],
  8: ["amount_micro", "integer", U63],
  9: ["period?", "text", 7],
  10: ["reason", "text", 256],
  11: ["reference?", "text", 64],
};
const ACCOUNTS_OF = { payable: "payee/", frozen_late: "frozen-late/", held: "held/" };
const [PAYEE, FROZEN, HELD] = Object.values(ACCOUNTS_OF).map((prefix) => `${prefix}[a-z0-9_-]{1,64}`);
const SOURCE = "income/(?:subscription|enterprise|sync|training|buyout|other)";
const POOL = "[a-z0-9_-]{1,64}";
const KEPT = `${PAYEE}|carry|carry/(?!communal$)${POOL}`;
const INCOME = `pool/${POOL}`;
const POOL_NAMED = `pool/(?!communal$)${POOL}|carry/${POOL}`;
// Kind: from which accounts it goes, and to which.
const WAYS = {
  income: [[SOURCE, INCOME]],
  correction: [[KEPT, KEPT], [INCOME, INCOME]],
  refund: [[KEPT, SOURCE], [INCOME, SOURCE]],
  hold: [[PAYEE, HELD]],
  release: [[HELD, PAYEE]],
  payout: [[`${PAYEE}|${FROZEN}`, "bank"]],
};

const isOneOf = (pattern, account) => new RegExp(`^(?:${pattern})$`).test(account);
const isOfPool = (account) => account.startsWith("pool/");
const ownerOf = (account) => account.slice(account.indexOf("/") + 1);

async function readTransfer(label, entry, key) {
  const payload = await signedBy(label, entry, "amos-transfer+cose", key, "the ledger's key in force there");
  const found = record(label, payload, TRANSFER);
  if (found.version < 1n || found.version > 4n) throw new Difference(`${label}.version`, "1 to 4", found.version);
  const named = [found.debit, found.credit].some((account) => isOneOf(POOL_NAMED, account));
  const between = isOfPool(found.debit) ? 4n : named ? 3n : 2n;
  if ((found.version === 1n ? 2n : found.version) !== between) {
    const told = "4 from a pool, 3 where one of its own is named, else 2 or 1";
    throw new Difference(`${label}.version`, told, found.version);
  }
  if ((found.reference !== undefined) !== (found.version > 1n)) {
    throw new Difference(`${label}.reference`, "one since version 2, none before", found.reference ?? "none");
  }
  for (const name of ["number", "amount_micro"]) {
    if (!found[name]) throw new Difference(`${label}.${name}`, "from 1", 0);
  }
  if (!/^[A-Z]{3}$/.test(found.currency)) {
    throw new Difference(`${label}.currency`, "three capital letters", found.currency);
  }
  if (found.period !== undefined && !/^[2-9][0-9]{3}-(0[1-9]|1[0-2])$/.test(found.period)) {
    throw new Difference(`${label}.period`, "a month like 2026-11", found.period);
  }
  for (const name of ["reason", "reference"]) {
    if (/[\u0000-\u001f\u007f-\u009f]/.test(found[name] ?? "")) {
      throw new Difference(`${label}.${name}`, "text on one line", found[name]);
    }
  }
  checkWay(label, found);
  return found;
}

function checkWay(label, { kind, debit, credit, period }) {
  if (!Object.hasOwn(WAYS, kind)) throw new Difference(`${label}.kind`, `one of ${Object.keys(WAYS).join(", ")}`, kind);
  const way = WAYS[kind].find(([from]) => isOneOf(from, debit));
  if (way === undefined) throw new Difference(`${label}.debit`, `an account of the kind ${kind}`, debit);
  if (!isOneOf(way[1], credit)) throw new Difference(`${label}.credit`, `an account of the kind ${kind}`, credit);
  if (["hold", "release"].includes(kind) && ownerOf(debit) !== ownerOf(credit)) {
    throw new Difference(`${label}.credit`, `the account of ${ownerOf(debit)}`, credit);
  }
  if (debit === credit) throw new Difference(`${label}.credit`, "another account than the debit", credit);
  if (period === undefined && (isOfPool(debit) || isOfPool(credit))) {
    throw new Difference(`${label}.period`, "the one whose pool it is for", "none");
  }
}

// {index, transfer} of each that the file proves, in the log before the closing, in order.
async function provedTransfers(label, part, head, closingIndex) {
  const found = [];
  const references = new Set();
  for (const [number, item] of objects(label, part, ENTRY_PROOF).entries()) {
    const place = `${label}[${number}]`;
    const entry = base64Bytes(`${place}.entry`, item.entry);
    const path = hashPath(`${place}.path`, item.path);
    await checkPath(place, await leafHash(entry), item.index, head.size, path, head.root);
    const transfer = await readTransfer(`${place}.entry`, entry, keyAt(head, item.index));
    const last = found.at(-1) ?? { index: 0n, transfer: { number: 0n } };
    const inOrder = last.index < item.index && item.index < closingIndex && transfer.number > last.transfer.number;
    if (!inOrder) {
      throw new Difference(place, "transfers in their order, before the closing", `number ${transfer.number}`);
    }
    if (references.has(transfer.reference)) {
      throw new Difference(`${place}.entry.reference`, "one that no transfer before has", transfer.reference);
    }
    if (transfer.reference !== undefined) references.add(transfer.reference);
    found.push({ index: item.index, transfer });
  }
  return found;
}

// What a transfer adds to an account.
function effect(transfer, account) {
  if (transfer.credit === account) return transfer.amount_micro;
  return transfer.debit === account ? -transfer.amount_micro : 0n;
}

// The part `balance` that follows from its own opening balances, from the transfers, and from what is credited.
function statedBalance(part, transfers, payee, currency, credited) {
  const types = { frozen_late: "object", held: "object", payable: "object", transfers: "array" };
  const whole = fields("core.balance", part, types);
  const balance = {};
  for (const name of Object.keys(ACCOUNTS_OF)) {
    const opening = whole[name].opening_micro;
    if (typeof opening !== "bigint" || (opening < 0n && name !== "payable")) {
      throw new Difference(`core.balance.${name}.opening_micro`, "an integer, from 0 but for payable", opening);
    }
    balance[name] = { opening_micro: opening };
  }
  const ends = moved(balance, transfers, payee, currency);
  for (const name of Object.keys(ACCOUNTS_OF)) balance[name].closing_micro = ends[name] + credited[name];
  const told = ["number", "unix_s", "kind", "debit", "credit", "amount_micro", "reason"];
  balance.transfers = transfers.map(({ index, transfer }) => ({
    ...Object.fromEntries(told.map((name) => [name, transfer[name]])),
    index,
    period: transfer.period ?? "",
  }));
  return balance;
}

// What is on each account after the transfers; none falls below 0 that may not.
function moved(balance, transfers, payee, currency) {
  const names = Object.keys(ACCOUNTS_OF);
  const now = Object.fromEntries(names.map((name) => [name, balance[name].opening_micro]));
  for (const [number, { transfer }] of transfers.entries()) {
    const label = `proof.transfers[${number}]`;
    same(`${label}.currency`, currency, transfer.currency);
    const mine = names.filter((name) => [transfer.debit, transfer.credit].includes(ACCOUNTS_OF[name] + payee));
    if (!mine.length) {
      throw new Difference(label, `one of an account of ${payee}`, `${transfer.debit} to ${transfer.credit}`);
    }
    for (const name of mine) now[name] += effect(transfer, ACCOUNTS_OF[name] + payee);
    const from = mine.find((name) => ACCOUNTS_OF[name] + payee === transfer.debit);
    const mayOwe = from === "payable" && ["correction", "refund"].includes(transfer.kind);
    if (from !== undefined && now[from] < 0n && !mayOwe) {
      throw new Difference(`${label}.amount_micro`, `no more than ${transfer.debit} had`, transfer.amount_micro);
    }
  }
  return now;
}

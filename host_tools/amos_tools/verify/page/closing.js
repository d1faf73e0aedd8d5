// From the pinned key to a closing: checkpoint, rotations of the ledger's key, the closing in the log, its pool.

const CLOSING = {
  1: ["version", "integer", U8],
  2: ["period", "text", 7],
  3: ["currency", "text", 3],
  4: ["income_micro", "integer", U63],
  5: ["carry_in_micro", "integer", U63],
  6: ["pool_micro", "integer", U63],
  7: ["carry_out_micro", "integer", U63],
  8: ["catalogue_sha256", "bytes", 32],
  9: ["previous?", "integer", U63],
  11: ["statements_root", "bytes", 32],
  12: ["statements", "integer", U32],
  13: ["pool", "text", 64],
  14: ["segments", "integer", U63],
  15: ["ticks_hz", "integer", U63],
  16: ["ticks", "bytes", 16],
  17: ["devices", "integer", U32],
  18: ["devices_root", "bytes", 32],
  19: ["stems", "integer", U32],
  20: ["stems_root", "bytes", 32],
  21: ["readings_of?", "integer", U63],
};
const PART = {
  1: ["rights", "integer", U63],
  2: ["standing", "integer", 6n],
  3: ["accrual", "integer", 3n],
  4: ["tier", "integer", U8],
  5: ["rate_hz", "integer", 192000n],
  6: ["frames", "integer", U63],
  7: ["plays", "integer", U63],
  8: ["first_unix_s?", "integer", UNIX_S_MAX],
  9: ["last_unix_s?", "integer", UNIX_S_MAX],
};
const STEM_ROW = {
  1: ["stem_id", "bytes", 16],
  2: ["lead", "text", 64],
  3: ["ticks", "bytes", 16],
  4: ["parts", [PART], 4096],
  5: ["cells", "integer", U32],
  6: ["cells_root", "bytes", 32],
};
const ROTATION = {
  1: ["version", "integer", U8],
  2: ["role", "integer", U8],
  3: ["origin", "text", 64],
  4: ["number", "integer", 64n],
  5: ["old_key", "bytes", 32],
  6: ["new_key", "bytes", 32],
  7: ["unix_s", "integer", UNIX_S_MAX],
  8: ["until_unix_s?", "integer", UNIX_S_MAX],
  9: ["possession", "bytes", 64],
};
const ROTATION_TYPE = "amos-rotation+cose";
const ROLE_OF_THE_LEDGER = 2n;
const EARNING = 2n; // Standings below earn: paid, frozen late.
const ENTRY_PROOF = { entry: "text", index: "integer", path: "array" };

// The tree head, {origin, size, root, line}: `line` is the ledger's keys, and behind which entry each came into force.
async function readHead(label, part, pinned, pinnedOrigin) {
  const rotations = objects(`${label}.rotations`, part.rotations, ENTRY_PROOF);
  const line = await keysInLine(`${label}.rotations`, rotations, pinned);
  const head = await checkpoint(`${label}.checkpoint`, part.checkpoint, line.at(-1).key, pinnedOrigin);
  for (const [number, item] of rotations.entries()) {
    const place = `${label}.rotations[${number}]`;
    const entry = base64Bytes(`${place}.entry`, item.entry);
    const says = record(place, unverified(place, entry, ROTATION_TYPE), ROTATION);
    same(`${place}.entry, origin`, head.origin, says.origin);
    const path = hashPath(`${place}.path`, item.path);
    await checkPath(place, await leafHash(entry), item.index, head.size, path, head.root);
  }
  return { ...head, line };
}

// Each key is signed by the one before, and signs that it follows it; the pinned key is one of them.
async function keysInLine(label, rotations, pinned) {
  const line = [];
  for (const [number, item] of rotations.entries()) {
    const place = `${label}[${number}].entry`;
    const entry = base64Bytes(place, item.entry);
    const old = line.at(-1)?.key ?? record(place, unverified(place, entry, ROTATION_TYPE), ROTATION).old_key;
    const says = record(place, await signedBy(place, entry, ROTATION_TYPE, old, "the key before"), ROTATION);
    if (!line.length) line.push({ since: -1n, key: old });
    const expected = { version: 1n, role: ROLE_OF_THE_LEDGER, number: BigInt(number + 1), old_key: old };
    for (const [name, value] of Object.entries(expected)) same(`${place}, ${name}`, value, says[name]);
    const known = line.some((before) => hexOf(before.key) === hexOf(says.new_key));
    if (item.index <= line.at(-1).since || known) {
      throw new Difference(`${label}[${number}]`, "an entry and a key after those before", "others");
    }
    if (!(await goodSignature(says.new_key, possessionMessage(says), says.possession))) {
      throw new Difference(`${place}, possession`, "a signature by the new key", "one that does not verify");
    }
    line.push({ since: item.index, key: says.new_key });
  }
  if (!line.length) line.push({ since: -1n, key: pinned });
  if (!line.some((before) => hexOf(before.key) === hexOf(pinned))) {
    const keys = line.map((before) => hexOf(before.key)).join(", ");
    throw new Difference(label, `a line of keys with the pinned one, ${hexOf(pinned)}`, keys);
  }
  return line;
}

// What the new key signs, to show that somebody has it (SPEC section 15).
function possessionMessage(says) {
  const times = [says.number, says.unix_s, says.until_unix_s ?? 0n].map((number) => bigEndian(number, 8));
  const beginning = joined(utf8("amos/1/rotation\0"), Uint8Array.of(Number(ROLE_OF_THE_LEDGER)));
  return joined(beginning, ...times, says.old_key, says.new_key, utf8(says.origin));
}

// The ledger's key in force for an entry: that of the last rotation before it.
const keyAt = (head, index) => head.line.filter(({ since }) => since < index || since < 0n).at(-1).key;

// {index, closing} of the entry that the log has, and that the ledger's key signed.
async function readClosing(label, part, head) {
  const found = fields(label, part, ENTRY_PROOF);
  const entry = base64Bytes(`${label}.entry`, found.entry);
  const path = hashPath(`${label}.path`, found.path);
  await checkPath(label, await leafHash(entry), found.index, head.size, path, head.root);
  const key = keyAt(head, found.index);
  const whose = "the ledger's key in force there";
  const payload = await signedBy(`${label}.entry`, entry, "amos-statement+cose", key, whose);
  const closing = record("closing", payload, CLOSING);
  await checkClosing(closing, found.index);
  return { index: found.index, closing: { ...closing, ticks: numberOf(closing.ticks) } };
}

// What must hold within a closing by itself.
async function checkClosing(closing, index) {
  if (closing.version < 4n || closing.version > 6n) {
    throw new Difference("closing.version", "4 to 6", closing.version);
  }
  if ((closing.readings_of !== undefined) !== (closing.version === 5n) && closing.version !== 6n) {
    const found = closing.readings_of ?? "none";
    throw new Difference("closing.readings_of", "a value in version 5, none before", found);
  }
  if ((closing.readings_of ?? -1n) > (closing.previous ?? -1n)) {
    throw new Difference("closing.previous", `from ${closing.readings_of}`, closing.previous ?? "none");
  }
  if (closing.version < 6n) same("closing.pool", "communal", closing.pool);
  if (!/^[a-z0-9_-]{1,64}$/.test(closing.pool)) {
    throw new Difference("closing.pool", "1 to 64 of the letters a-z, digits, - and _", closing.pool);
  }
  if (!/^[2-9][0-9]{3}-(0[1-9]|1[0-2])$/.test(closing.period) || closing.period.startsWith("9999")) {
    throw new Difference("closing.period", "a month like 2026-11", closing.period);
  }
  if (!/^[A-Z]{3}$/.test(closing.currency)) {
    throw new Difference("closing.currency", "three capital letters", closing.currency);
  }
  same("closing.pool_micro", closing.income_micro + closing.carry_in_micro, closing.pool_micro);
  const ticks = numberOf(closing.ticks);
  same("closing.carry_out_micro", ticks ? 0n : closing.pool_micro, closing.carry_out_micro);
  if ((closing.previous ?? -1n) >= index) throw new Difference("closing.previous", `below ${index}`, closing.previous);
  if (!closing.ticks_hz) throw new Difference("closing.ticks_hz", "from 1", 0);
  if (closing.devices > closing.segments) {
    throw new Difference("closing.devices", `at most ${closing.segments}, the segments`, closing.devices);
  }
  const noLeaves = hexOf(await sha256(new Uint8Array()));
  for (const name of ["devices", "stems", "statements"]) {
    const root = closing[`${name}_root`];
    if (!closing[name] !== (hexOf(root) === noLeaves)) {
      throw new Difference(`closing.${name}_root`, `one over ${closing[name]} leaves`, root);
    }
  }
  if (ticks && !closing.stems) throw new Difference("closing.ticks", 0, ticks);
}

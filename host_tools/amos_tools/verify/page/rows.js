// The rows of the statement's stems, each in the tree that the closing commits to.

async function readRows(part, closing) {
  const label = "proof.stems";
  const found = fields(label, part, { nodes: "array", rows: "array" });
  const rows = new Map();
  const leaves = new Map();
  let before = null;
  for (const [number, item] of objects(`${label}.rows`, found.rows, { index: "integer", row: "text" }).entries()) {
    const place = `${label}.rows[${number}]`;
    const data = base64Bytes(`${place}.row`, item.row);
    const row = record(`${place}.row`, data, STEM_ROW);
    checkOrder(place, before, { index: item.index, row });
    before = { index: item.index, row };
    checkRow(`${place}.row`, row, closing);
    rows.set(item.index, row);
    leaves.set(item.index, { hash: await leafHash(data), sum: numberOf(row.ticks) });
  }
  const nodes = nodesOf(`${label}.nodes`, found.nodes);
  await checkSummed(label, leaves, closing.stems, nodes, { hash: closing.stems_root, sum: closing.ticks });
  return rows;
}

function checkOrder(place, before, { index, row }) {
  if (before === null) return;
  const [one, other] = [before.row, row].map(({ lead, stem_id: stem }) => `${hexOf(utf8(lead))}\0${hexOf(stem)}`);
  if (index <= before.index || other <= one) {
    throw new Difference(place, "ascending indexes, and rows in order of lead and stem", `index ${index}`);
  }
}

function checkRow(label, row, closing) {
  if (!row.parts.length) throw new Difference(`${label}.parts`, "one or more", "none");
  same(`${label}.ticks`, ticksOf(label, row.parts, closing.ticks_hz), numberOf(row.ticks));
  if (row.cells < 1n || row.cells > closing.devices) {
    throw new Difference(`${label}.cells`, `1 to ${closing.devices}, the devices`, row.cells);
  }
}

// Stem-time of the parts that earn. They ascend, each kind once, and all that they say is possible.
function ticksOf(label, parts, ticksHz) {
  let total = 0n;
  let before = null;
  for (const [number, part] of parts.entries()) {
    const place = `${label}.parts[${number}]`;
    const kind = [part.rights, part.standing, part.accrual, part.tier, part.rate_hz];
    if (before !== null && !ascends(before, kind)) throw new Difference(place, `above ${before}`, kind.join());
    before = kind;
    checkPart(place, part, ticksHz);
    if (part.standing < EARNING) total += part.frames * (ticksHz / part.rate_hz);
  }
  return total;
}

function ascends(before, kind) {
  const at = before.findIndex((number, index) => number !== kind[index]);
  return at >= 0 && before[at] < kind[at];
}

function checkPart(place, part, ticksHz) {
  if (!part.rate_hz || ticksHz % part.rate_hz) {
    throw new Difference(`${place}.rate_hz`, `a divisor of ${ticksHz}`, part.rate_hz);
  }
  if (!part.frames) throw new Difference(`${place}.frames`, "from 1", 0);
  if (part.plays > part.frames) {
    throw new Difference(`${place}.plays`, `at most ${part.frames}, the frames`, part.plays);
  }
  const [first, last] = [part.first_unix_s, part.last_unix_s];
  if ((first === undefined) !== (last === undefined) || first > last) {
    throw new Difference(`${place}.last_unix_s`, `from ${first}`, last);
  }
}

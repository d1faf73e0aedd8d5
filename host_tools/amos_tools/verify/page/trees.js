// The two kinds of tree: RFC 9162 §2.1 for the log and the statements, and sum trees for the play of stems
// (SPEC section 12).

const SUM_BYTES = 16;

const leafHash = (data) => sha256(joined(Uint8Array.of(0), data));

// The leaf with this hash stands at `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).
async function checkPath(label, leaf, index, size, path, root) {
  if (index >= size) throw new Difference(`${label}.index`, `below ${size}`, index);
  let [at, last, found] = [index, size - 1n, leaf];
  for (const sibling of path) {
    if (!last) throw new Difference(`${label}.path, count`, "fewer hashes", path.length);
    const onTheRight = at & 1n || at === last;
    found = await sha256(joined(Uint8Array.of(1), ...(onTheRight ? [sibling, found] : [found, sibling])));
    while (onTheRight && at && !(at & 1n)) [at, last] = [at >> 1n, last >> 1n];
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last) throw new Difference(`${label}.path, count`, "more hashes", path.length);
  same(`${label}.path, root`, root, found);
}

// A node of a sum tree commits to the hashes and to the sums of both nodes below it.
async function summedNode(label, left, right) {
  const total = left.sum + right.sum;
  if (total >> BigInt(8 * SUM_BYTES)) throw new Difference(`${label}, sum`, "one of 16 bytes", total);
  const both = [left, right].flatMap((node) => [node.hash, bigEndian(node.sum, SUM_BYTES)]);
  return { hash: await sha256(joined(Uint8Array.of(2), ...both)), sum: total };
}

// These leaves, a Map by index, stand in the sum tree of `size` leaves with this root. `nodes` are the largest subtrees
// that hold none of them, from left to right.
async function checkSummed(label, leaves, size, nodes, root) {
  const indexes = [...leaves.keys()];
  if (indexes.length && indexes.at(-1) >= size) {
    throw new Difference(`${label}, index`, `leaves below ${size}`, indexes.at(-1));
  }
  if (!indexes.length) return same(`${label}.nodes, count`, 0, nodes.length); // nothing is shown, and nothing proved
  const rest = [...nodes].reverse();
  const found = await summed(label, leaves, indexes, 0n, size, rest);
  if (rest.length) throw new Difference(`${label}.nodes, count`, nodes.length - rest.length, nodes.length);
  same(`${label}, sum of the tree`, root.sum, found.sum);
  same(`${label}, root of the tree`, root.hash, found.hash);
}

async function summed(label, leaves, known, first, end, rest) {
  if (!known.length) {
    if (!rest.length) throw new Difference(`${label}.nodes, count`, "more nodes", "the end");
    return rest.pop();
  }
  if (end - first === 1n) return leaves.get(first);
  const middle = first + (1n << BigInt((end - first - 1n).toString(2).length - 1));
  const left = await summed(label, leaves, known.filter((index) => index < middle), first, middle, rest);
  const right = await summed(label, leaves, known.filter((index) => index >= middle), middle, end, rest);
  return summedNode(label, left, right);
}

// Nodes as a statement spells them: hash and sum, 48 bytes in hexadecimal.
function nodesOf(label, items) {
  return typed(label, items, "array")
    .map((item, at) => hexBytes(`${label}[${at}]`, item, 48))
    .map((bytes) => ({ hash: bytes.subarray(0, 32), sum: numberOf(bytes.subarray(32)) }));
}

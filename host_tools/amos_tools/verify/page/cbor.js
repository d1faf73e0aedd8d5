// CBOR in its deterministic encoding (RFC 8949 §4.2.1), as the ledger signs it: whole numbers, bytes,
// text, arrays, maps.
// Any other item, and any other encoding of the same item, is refused.

const CBOR_NESTED_MAX = 16;
const U8 = (1n << 8n) - 1n;
const U32 = (1n << 32n) - 1n;
const U63 = (1n << 63n) - 1n;
const UNIX_S_MAX = 253402300799n;

class CborReader {
  constructor(label, data) {
    this.label = label;
    this.data = data;
    this.at = 0;
  }

  whole() {
    const item = this.item(0);
    if (this.at !== this.data.length) this.refuse("more behind it");
    return item;
  }

  refuse(why) {
    throw new Difference(this.label, "CBOR in its deterministic encoding", why);
  }

  take(size) {
    if (size > BigInt(this.data.length - this.at)) this.refuse("the end");
    this.at += Number(size);
    return this.data.subarray(this.at - Number(size), this.at);
  }

  // The number behind the kind of an item, in as few bytes as hold it.
  argument(low) {
    if (low < 24) return BigInt(low);
    if (low > 27) this.refuse("an item without a length");
    const size = 1 << (low - 24);
    const number = numberOf(this.take(BigInt(size)));
    const smaller = size === 1 ? 24n : 1n << BigInt(4 * size);
    if (number < smaller) this.refuse("a number longer than need be");
    return number;
  }

  item(depth) {
    if (depth > CBOR_NESTED_MAX) this.refuse("too many levels");
    const [first] = this.take(1n);
    const [kind, low] = [first >> 5, first & 31];
    if (kind === 7 && low >= 20 && low <= 22) return [false, true, null][low - 20];
    if (kind > 5) this.refuse("an item of another kind");
    const number = this.argument(low);
    if (kind === 0) return number;
    if (kind === 1) return -1n - number;
    if (kind === 2) return this.take(number);
    if (kind === 3) return this.text(number);
    if (number > BigInt(this.data.length - this.at)) this.refuse("the end");
    return kind === 4 ? this.array(number, depth) : this.map(number, depth);
  }

  text(size) {
    const bytes = this.take(size);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      return this.refuse("bytes that are no text");
    }
  }

  array(count, depth) {
    return Array.from({ length: Number(count) }, () => this.item(depth + 1));
  }

  map(count, depth) {
    const found = new Map();
    let before = "";
    for (let number = 0n; number < count; number += 1n) {
      const start = this.at;
      const key = this.item(depth + 1);
      const encoded = hexOf(this.data.subarray(start, this.at));
      const ascends = encoded.length > before.length || (encoded.length === before.length && encoded > before);
      if (!ascends) this.refuse("keys in another order");
      before = encoded;
      found.set(key, this.item(depth + 1));
    }
    return found;
  }
}

const cbor = (label, data) => new CborReader(label, data).whole();

// A schema names the keys of a map: [name, type, bound]. The bound is the largest number, the exact count of bytes, the
// most bytes of a text, the most items of an array; a name that ends with ? may be absent. An array as type is
// one of maps.
function record(label, data, schema) {
  return named(label, cbor(label, data), schema);
}

function named(label, item, schema) {
  if (!(item instanceof Map) || [...item.keys()].some((key) => typeof key !== "bigint")) {
    throw new Difference(label, "a CBOR map with integer keys", "another item");
  }
  for (const key of item.keys()) {
    if (!(key in schema)) throw new Difference(`${label}, key ${key}`, "nothing", "a value");
  }
  const found = {};
  for (const [key, [title, type, bound]] of Object.entries(schema)) {
    const name = title.replace("?", "");
    const value = item.get(BigInt(key));
    if (value !== undefined) found[name] = checked(`${label}.${name}`, value, type, bound);
    else if (name === title) throw new Difference(`${label}.${name}`, "a value", "nothing");
  }
  return found;
}

function checked(label, value, type, bound) {
  if (Array.isArray(type)) {
    if (!Array.isArray(value) || value.length > bound) {
      throw new Difference(label, `an array of at most ${bound}`, "another value");
    }
    return value.map((item, number) => named(`${label}[${number}]`, item, type[0]));
  }
  const size = typeof value === "string" ? utf8(value).length : value?.length;
  const fits = {
    integer: [`an integer from 0 to ${bound}`, typeof value === "bigint" && value >= 0n && value <= bound],
    bytes: [`${bound} bytes`, value instanceof Uint8Array && size === bound],
    text: [`text of 1 to ${bound} bytes`, typeof value === "string" && size >= 1 && size <= bound],
  }[type];
  if (!fits[1]) throw new Difference(label, fits[0], "another value");
  return value;
}

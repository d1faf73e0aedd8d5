// JSON in its one spelling: sorted keys, each once, no spaces, a line feed; whole numbers of any size, and text.
// JSON.parse would round numbers above 2^53, so numbers are read here, as BigInt.

const NESTED_MAX = 200;
const DIGITS_MAX = 4300;

class JsonReader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const value = this.value(0);
    this.skipBlanks();
    if (this.at !== this.text.length) this.refuse();
    return value;
  }

  refuse() {
    if (!this.text) throw new Unreadable("an empty file");
    const lines = this.text.slice(0, this.at).split("\n");
    throw new Unreadable(`other text in line ${lines.length}, column ${lines.at(-1).length + 1}`);
  }

  skipBlanks() {
    while (" \t\r\n".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  // Whether this comes next; if so it is passed.
  takes(word) {
    const comes = this.text.startsWith(word, this.at);
    if (comes) this.at += word.length;
    return comes;
  }

  value(depth) {
    if (depth > NESTED_MAX) this.refuse();
    this.skipBlanks();
    if (this.takes("{")) return this.object(depth);
    if (this.takes("[")) return this.array(depth);
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.takes(word)) return value;
    }
    return this.number();
  }

  object(depth) {
    const found = Object.create(null);
    this.skipBlanks();
    if (this.takes("}")) return found;
    do {
      this.skipBlanks();
      const name = this.string();
      this.skipBlanks();
      if (!this.takes(":")) this.refuse();
      found[name] = this.value(depth + 1);
      this.skipBlanks();
    } while (this.takes(","));
    if (!this.takes("}")) this.refuse();
    return found;
  }

  array(depth) {
    const found = [];
    this.skipBlanks();
    if (this.takes("]")) return found;
    do {
      found.push(this.value(depth + 1));
      this.skipBlanks();
    } while (this.takes(","));
    if (!this.takes("]")) this.refuse();
    return found;
  }

  // The end of a text is found here; what its escapes mean, JSON.parse knows.
  string() {
    if (this.text[this.at] !== '"') this.refuse();
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    let found;
    try {
      found = JSON.parse(this.text.slice(this.at, end + 1));
    } catch (error) {
      this.refuse();
    }
    if (/\p{Cs}/u.test(found)) this.refuse(); // half of a letter, which UTF-8 cannot spell
    this.at = end + 1;
    return found;
  }

  number() {
    const pattern = /-?(?:0|[1-9][0-9]*)/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? this.refuse();
    this.at += found.length;
    if (found.length > DIGITS_MAX || ".eE".includes(this.text[this.at] ?? "x")) this.refuse();
    return BigInt(found);
  }
}

// In order of code points, as the ledger sorts; JavaScript's own order is another beyond U+FFFF.
function byCodePoints(one, other) {
  if (!/[\ud800-\udfff]/.test(one + other)) return one < other ? -1 : Number(one > other);
  const [left, right] = [one, other].map((text) => Array.from(text, (letter) => letter.codePointAt(0)));
  const at = left.findIndex((point, index) => point !== right[index]);
  if (at < 0) return left.length - right.length;
  return right[at] === undefined ? 1 : left[at] - right[at];
}

// A value as the ledger writes it.
function spelled(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return `${value}`;
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  const names = Object.keys(value).sort(byCodePoints);
  return `{${names.map((name) => `${JSON.stringify(name)}:${spelled(value[name])}`).join(",")}}`;
}

const coreBytes = (core) => utf8(spelled(core));

// The object that a file holds.
function readJson(what, data, bytesMax) {
  if (data.length > bytesMax) throw new Unreadable(`${what}: expected at most ${bytesMax} bytes, found ${data.length}`);
  let whole;
  try {
    whole = new JsonReader(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data)).whole();
  } catch (error) {
    const found = error instanceof Unreadable ? error.message : "bytes that are no text";
    throw new Unreadable(`${what}: expected JSON of whole numbers and text, found ${found}`);
  }
  const again = utf8(`${spelled(whole)}\n`);
  if (again.length !== data.length || again.some((byte, at) => byte !== data[at])) {
    const at = again.findIndex((byte, index) => byte !== data[index]);
    const found = `otherwise at byte ${at < 0 ? again.length : at}`;
    throw new Difference(`${what}: spelling`, "sorted keys, each once, no spaces", found);
  }
  return typed(what, whole, "object");
}

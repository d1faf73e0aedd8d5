// The parts of a JSON file: each of its type, nothing more and nothing less.

const PATH_HASHES_MAX = 64;

const TYPES = {
  integer: ["an integer from 0", (item) => typeof item === "bigint" && item >= 0n],
  text: ["text", (item) => typeof item === "string"],
  array: ["an array", Array.isArray],
  object: ["an object", (item) => typeof item === "object" && item !== null && !Array.isArray(item)],
};

function typed(label, item, type) {
  const [name, fits] = TYPES[type];
  if (!fits(item)) throw new Difference(label, name, "another value");
  return item;
}

// An object with exactly these fields.
function fields(label, item, types) {
  typed(label, item, "object");
  for (const name of [...new Set([...Object.keys(item), ...Object.keys(types)])].sort(byCodePoints)) {
    if (!(name in item)) throw new Difference(`${label}.${name}`, "a value", "nothing");
    if (!Object.hasOwn(types, name)) throw new Difference(`${label}.${name}`, "nothing", item[name]);
    typed(`${label}.${name}`, item[name], types[name]);
  }
  return item;
}

// An array of such objects.
function objects(label, items, types) {
  return typed(label, items, "array").map((item, number) => fields(`${label}[${number}]`, item, types));
}

function hexBytes(label, text, size) {
  if (typed(label, text, "text").length !== 2 * size || /[^0-9a-f]/.test(text)) {
    throw new Difference(label, `${2 * size} lower-case hexadecimal digits`, text);
  }
  return bytesOfHex(text);
}

// Of several spellings of the same bytes, only the canonical one is taken.
function base64Bytes(label, text) {
  let letters;
  try {
    letters = atob(typed(label, text, "text"));
  } catch (error) {
    if (error instanceof Difference) throw error;
    throw new Difference(label, "base64", text);
  }
  if (btoa(letters) !== text) throw new Difference(label, "canonical base64", text);
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

function hashPath(label, items) {
  if (typed(label, items, "array").length > PATH_HASHES_MAX) {
    throw new Difference(`${label}, count`, `at most ${PATH_HASHES_MAX}`, items.length);
  }
  return items.map((item, number) => hexBytes(`${label}[${number}]`, item, 32));
}

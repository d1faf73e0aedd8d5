// What ends a check: a file that is none, or the first thing that is not as it must be.

const SHOWN_LETTERS_MAX = 200;

class Unreadable extends Error {}

// `field` is named as `amos verify` names it.
class Difference extends Error {
  constructor(field, expected, found) {
    super(`${field}: expected ${shown(expected)}, found ${shown(found)}`);
    this.field = field;
    this.expected = shown(expected);
    this.found = shown(found);
  }
}

// A value on one short line: bytes in hexadecimal, and no letter that is not to be seen.
function shown(value) {
  if (value instanceof Uint8Array) return shown(hexOf(value));
  const text = typeof value === "object" ? "another value" : String(value);
  const seen = [...text.slice(0, 2 * SHOWN_LETTERS_MAX)].map((letter) =>
    letter !== " " && /[\p{C}\p{Z}]/u.test(letter) ? "?" : letter,
  );
  return seen.length <= SHOWN_LETTERS_MAX ? seen.join("") : `${seen.slice(0, SHOWN_LETTERS_MAX - 3).join("")}...`;
}

// Nothing that follows is looked at once two values differ. Text and a number never are the same.
function same(field, expected, found) {
  const equal =
    expected instanceof Uint8Array && found instanceof Uint8Array
      ? hexOf(expected) === hexOf(found)
      : expected === found;
  if (!equal) throw new Difference(field, expected, found);
}

// COSE_Sign1 (RFC 9052) and signed notes (c2sp.org/signed-note), by Ed25519.

const ALG_ED25519 = -19n;
const NOTE_LETTERS_MAX = 8192;
// How the message begins that a COSE_Sign1 signs: an array of four, the first of which is the text Signature1.
const SIGNED_BEGINNING = joined(Uint8Array.of(0x84, 0x6a), utf8("Signature1"));

// The payload of a message of this type that this key signed.
async function signedBy(label, entry, type, key, whose) {
  const [header, payload, signature] = parts(label, entry, type, (await sha256(key)).subarray(0, 16));
  const message = joined(SIGNED_BEGINNING, asBytes(header), asBytes(new Uint8Array()), asBytes(payload));
  if (!(await goodSignature(key, message, signature))) {
    throw new Difference(`${label}, signature`, `one by ${whose}, ${hexOf(key)}`, "one that does not verify");
  }
  return payload;
}

// The payload of a message of this type, whoever signed it.
const unverified = (label, entry, type) => parts(label, entry, type, null)[1];

function parts(label, entry, type, keyId) {
  if (entry[0] !== 0xd2) throw new Difference(label, "a COSE_Sign1 (tag 18)", entry.subarray(0, 40));
  const found = cbor(label, entry.subarray(1));
  if (!Array.isArray(found) || found.length !== 4) {
    throw new Difference(label, "a COSE_Sign1 of four parts", "another item");
  }
  const [header, unprotected, payload, signature] = found;
  const allBytes = [header, payload, signature].every((part) => part instanceof Uint8Array);
  if (!allBytes || !(unprotected instanceof Map) || unprotected.size) {
    throw new Difference(label, "a COSE_Sign1 with a payload and nothing unprotected", "another");
  }
  const says = cbor(`${label}, header`, header);
  if (!(says instanceof Map) || says.size !== 3 || says.get(1n) !== ALG_ED25519 || says.get(16n) !== type) {
    throw new Difference(`${label}, header`, `Ed25519, a key id, and the type ${type}`, "another header");
  }
  const signer = says.get(4n);
  if (!(signer instanceof Uint8Array) || signer.length !== 16 || (keyId && hexOf(signer) !== hexOf(keyId))) {
    throw new Difference(`${label}, key id`, keyId ?? "16 bytes", signer);
  }
  return [header, payload, signature];
}

// A byte string in CBOR.
function asBytes(bytes) {
  const size = bytes.length;
  if (size < 24) return joined(Uint8Array.of(0x40 + size), bytes);
  if (size < 256) return joined(Uint8Array.of(0x58, size), bytes);
  if (size < 65536) return joined(Uint8Array.of(0x59, size >> 8, size & 255), bytes);
  return joined(Uint8Array.of(0x5a), bigEndian(BigInt(size), 4), bytes);
}

// The text before the last blank line of a note, and its signature lines.
function noteParts(label, text) {
  if (text.length > NOTE_LETTERS_MAX) {
    throw new Difference(label, `at most ${NOTE_LETTERS_MAX} characters`, text.length);
  }
  const blank = text.lastIndexOf("\n\n");
  const body = text.slice(0, Math.max(blank, 0));
  const lines = body.split("\n");
  const signatures = text.slice(blank + 2);
  if (blank < 0 || lines.length !== 3 || !signatures.endsWith("\n")) {
    throw new Difference(label, "a signed note: name, size, root, an empty line, signatures", "another text");
  }
  return { body: `${body}\n`, lines, signatures: signatures.slice(0, -1).split("\n") };
}

// What a tree head says, {origin, size, root}, with a good signature by this key (c2sp.org/tlog-checkpoint).
async function checkpoint(label, text, key, pinnedOrigin) {
  const note = noteParts(label, text);
  const [origin, size, root] = note.lines;
  if (pinnedOrigin !== null && origin !== pinnedOrigin) throw new Difference(`${label}.origin`, pinnedOrigin, origin);
  if (!/^(0|[1-9][0-9]{0,19})$/.test(size) || BigInt(size) > U63) {
    throw new Difference(`${label}.size`, "a decimal number", size);
  }
  const hash = base64Bytes(`${label}.root`, root);
  same(`${label}.root, bytes`, 32, hash.length);
  const hint = hexOf((await sha256(joined(utf8(origin), Uint8Array.of(0x0a, 1), key))).subarray(0, 4));
  for (const line of note.signatures) {
    const [, signer, encoded] = /^\u2014 (.*) ([^ ]*)$/su.exec(line) ?? [];
    if (signer === undefined) throw new Difference(`${label}, signature lines`, "\u2014 name base64", line);
    const data = base64Bytes(`${label}.signature`, encoded);
    if (signer !== origin || hexOf(data.subarray(0, 4)) !== hint) continue; // a witness, or another key
    if (!(await goodSignature(key, utf8(note.body), data.subarray(4)))) {
      throw new Difference(`${label}.signature`, `one by ${hexOf(key)}`, "one that does not verify");
    }
    return { origin, size: BigInt(size), root: hash };
  }
  throw new Difference(`${label}.signature`, `a line by ${origin} with key hash ${hint}`, "none");
}

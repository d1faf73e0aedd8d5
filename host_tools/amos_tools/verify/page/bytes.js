// Bytes, and what is computed of them. Hashes and signatures are the browser's own (WebCrypto).

const utf8 = (text) => new TextEncoder().encode(text);

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexOf(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX_OF_BYTE[byte];
  return text;
}

function bytesOfHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// A whole number in `size` bytes, the highest first, and back.
const bigEndian = (number, size) => bytesOfHex(number.toString(16).padStart(2 * size, "0"));
const numberOf = (bytes) => (bytes.length ? BigInt(`0x${hexOf(bytes)}`) : 0n);

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0n);

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

// Browsers take keys for which anybody can sign: points of small order, and these in another spelling.
const FIELD = (1n << 255n) - 19n;
const OF_ORDER_8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER = [0n, 1n, FIELD - 1n, OF_ORDER_8, FIELD - OF_ORDER_8];

function isWeak(point) {
  const y = numberOf(point.slice().reverse()) & ((1n << 255n) - 1n);
  return y >= FIELD || SMALL_ORDER.includes(y);
}

async function goodSignature(key, message, signature) {
  if (signature.length !== 64 || isWeak(key) || isWeak(signature.subarray(0, 32))) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
  } catch (error) {
    return false; // `canVerify` has shown that the browser knows Ed25519, so these bytes are no key.
  }
}

// Whether this browser tells a good Ed25519 signature from a bad one: test 2 of RFC 8032 §7.1.
async function canVerify() {
  if (!globalThis.crypto?.subtle) return false;
  const key = bytesOfHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = bytesOfHex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  const good = await goodSignature(key, Uint8Array.of(0x72), signature);
  return good && !(await goodSignature(key, Uint8Array.of(0x73), signature));
}

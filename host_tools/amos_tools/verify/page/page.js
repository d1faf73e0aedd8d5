// What the page does: a key and a file come in, and yes or the first difference goes out.

const byId = (id) => document.getElementById(id);
const embedded = (name) => document.querySelector(`meta[name="${name}"]`).content.trim();
const EARLIER = /"format": "amos-statement\/([123])"/;

let turn = 0; // of several files dropped one after the other, only the last is told of
let chosen = null;

// The answer: `data-state` of the section is yes, no, or unreadable.
function tell(state, text, field = "") {
  const line = element("p", text, state === "yes" ? "yes" : "no");
  byId("result").replaceChildren(...(text ? [line] : []));
  byId("result").dataset.state = state;
  byId("result").dataset.field = field;
}

async function checkFile() {
  const mine = (turn += 1);
  byId("statement").replaceChildren();
  tell("", "");
  if (!chosen) return;
  const answer = await answerFor(chosen, byId("key").value.trim().toLowerCase());
  if (mine !== turn) return;
  tell(answer.state, answer.text, answer.field);
  byId("statement").replaceChildren(...(answer.parts ?? []));
}

// What is to be told of a file.
async function answerFor(file, key) {
  if (!/^[0-9a-f]{64}$/.test(key)) {
    return { state: "unreadable", text: "The ledger's public key is needed first: 64 hexadecimal digits." };
  }
  try {
    if (file.size > STATEMENT_BYTES_MAX) {
      throw new Unreadable(`statement: expected at most ${STATEMENT_BYTES_MAX} bytes, found ${file.size}`);
    }
    const kept = new Uint8Array(await file.arrayBuffer());
    const data = isCompressed(kept) ? await decompressed("statement", kept, STATEMENT_BYTES_MAX) : kept;
    const earlier = EARLIER.exec(new TextDecoder().decode(data));
    if (earlier) {
      throw new Unreadable(`a statement of version ${earlier[1]}, which only \`amos verify\` checks`);
    }
    const verified = await checkStatement(data, bytesOfHex(key), embedded("ledger-origin") || null);
    const { payee, amount, currency, period } = verified.core;
    const text = `yes: ${payee} earns ${amount} ${currency} in ${period}${poolOf(verified.core)}`;
    return { state: "yes", text, parts: statementParts(verified) };
  } catch (error) {
    if (error instanceof Difference) return { state: "no", text: `no: ${error.message}`, field: error.field };
    const why = error instanceof Unreadable ? error.message : `the check itself failed (${error})`;
    return { state: "unreadable", text: `not checked: ${why}` };
  }
}

function take(file) {
  chosen = file ?? null;
  return checkFile();
}

function listen() {
  byId("key").value = embedded("ledger-key");
  byId("key").addEventListener("change", checkFile);
  byId("file").addEventListener("change", (event) => take(event.target.files[0]));
  const drop = byId("drop");
  // A file that misses the frame must not replace this page by itself.
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
}

// A browser that cannot verify Ed25519 must not say a word about a statement.
async function begin() {
  if (await canVerify()) {
    listen();
    document.body.dataset.ready = "yes";
    return;
  }
  byId("key").disabled = byId("file").disabled = true;
  byId("unable").textContent =
    "This browser cannot check anything: its WebCrypto has no Ed25519 signatures, or this page was not opened from a " +
    "file or by https. Use Chromium or Chrome 137, Firefox 129, Safari 17 or later, or `amos verify`.";
  byId("unable").hidden = false;
  document.body.dataset.ready = "no";
}

begin();

// A statement's file compressed by gzip. Its first bytes say so, whatever its name.

// One byte of gzip may become a thousand; with so few at a time the browser never holds much that is not counted yet.
const COMPRESSED_STEP_BYTES = 4096;

const isCompressed = (data) => data[0] === 0x1f && data[1] === 0x8b;

// The bytes inside, at most so many.
async function decompressed(what, data, bytesMax) {
  const stream = new DecompressionStream("gzip");
  feed(stream.writable.getWriter(), data).catch(() => {}); // reading fails as well, and tells of it
  const reader = stream.readable.getReader();
  const parts = [];
  let length = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      length += step.value.length;
      if (length > bytesMax) break;
      parts.push(step.value);
    }
  } catch (error) {
    throw new Unreadable(`${what}: expected one whole gzip member and nothing after it, found another file`);
  }
  if (length > bytesMax) {
    reader.cancel().catch(() => {});
    throw new Unreadable(`${what}: expected at most ${bytesMax} bytes when decompressed, found more`);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function feed(writer, data) {
  for (let at = 0; at < data.length; at += COMPRESSED_STEP_BYTES) {
    await writer.ready;
    await writer.write(data.subarray(at, at + COMPRESSED_STEP_BYTES));
  }
  await writer.close();
}

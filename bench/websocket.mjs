// A WebSocket client on a plain socket, so cheap that a thousand of them in one process leave the server to be the slow part.
import net from "node:net";

const TEXT = 1;
const PING = 9;
const PONG = 10;

/** A text frame. */
export const textFrame = (text) => frame(TEXT, Buffer.from(text));

/** A frame as a client sends it (RFC 6455, 5.2): masked, with a mask of 0, which leaves the body as it is. Up to 65,535 bytes. */
function frame(opcode, body) {
  const isShort = body.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 8);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (isShort ? body.length : 126);
  if (!isShort) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/**
 * Connect, and return the socket. `onopen()` follows the handshake, `onmessage(bytes, start, end)` each text message, in the
 * buffer that it came in. The end of the connection ends the program: nothing was measured then.
 */
export function connect(port, path, { protocol, onopen = () => {}, onmessage }) {
  const socket = net.connect(port, "127.0.0.1");
  let rest = null;
  let isOpen = false;
  socket.setNoDelay(true);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ""}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  socket.on("close", () => {
    throw new Error("the server closed the connection");
  });
  socket.on("data", (data) => {
    const bytes = rest === null ? data : Buffer.concat([rest, data]);
    let at = 0;
    if (!isOpen) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        rest = bytes;
        return;
      }
      if (bytes.toString("latin1", 9, 12) !== "101") throw new Error(`no WebSocket: ${bytes.toString("latin1", 0, 80)}`);
      isOpen = true;
      at = end + 4;
      onopen();
    }
    at = readFrames(bytes, at, socket, onmessage);
    rest = at < bytes.length ? bytes.subarray(at) : null;
  });
  return socket;
}

/** Give the messages that are complete to `onmessage`, answer pings; return where the first incomplete frame begins. */
function readFrames(bytes, from, socket, onmessage) {
  let at = from;
  while (bytes.length - at >= 2) {
    let length = bytes[at + 1] & 127;
    let head = 2;
    if (length === 126) {
      if (bytes.length - at < 4) break;
      length = bytes.readUInt16BE(at + 2);
      head = 4;
    } else if (length === 127) {
      if (bytes.length - at < 10) break;
      length = Number(bytes.readBigUInt64BE(at + 2));
      head = 10;
    }
    const start = at + head;
    if (bytes.length < start + length) break;
    const opcode = bytes[at] & 15;
    at = start + length;
    if (opcode === TEXT) onmessage(bytes, start, at);
    else if (opcode === PING) socket.write(frame(PONG, bytes.subarray(start, at)));
  }
  return at;
}

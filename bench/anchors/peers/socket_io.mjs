// Socket.IO: what one client sends as "pub", all get as "ev". Prints READY when it listens.
//   node socket_io.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const listening = createServer();
const server = new Server(listening, { transports: ["websocket"], pingInterval: 60_000, perMessageDeflate: false });
server.on("connection", (socket) => socket.on("pub", (data) => server.emit("ev", data)));
listening.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("READY"));

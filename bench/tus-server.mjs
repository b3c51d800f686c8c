// @tus/server as its documentation shows it, on the loopback: node tus-server.mjs FOLDER. Prints its port.
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

// On Node 24 a GET whose client closes after the last byte ends in this error, and with it the process.
process.on("uncaughtException", (error) => {
  if (error.code !== "ERR_INVALID_STATE") throw error;
});

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const listener = tus.listen({ host: "127.0.0.1", port: 0 }, () => console.log(listener.address().port));

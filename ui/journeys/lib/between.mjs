// What stands between a browser and the gateway, and changes what it passes on.
import { createServer, request } from "node:http";

/**
 * Passes everything on to `origin`. `asked` may change the headers of a request (with its
 * path), `answered` those of an answer. Resolves to { origin, close }.
 */
export async function between(origin, { asked = () => {}, answered = () => {} }) {
  const { host, port } = new URL(origin);
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host };
    asked(headers, incoming.url);
    const onward = request({ host: "localhost", port, method: incoming.method, path: incoming.url, headers }, (answer) => {
      const changed = { ...answer.headers };
      answered(changed);
      outgoing.writeHead(answer.statusCode, answer.statusMessage, changed);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  return {
    origin: `http://localhost:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

/** For `answered`: the session's cookie never arrives. */
export function loseSession(headers) {
  const cookies = [headers["set-cookie"] ?? []].flat().filter((line) => !/^stepgate=/.test(line));
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  else delete headers["set-cookie"];
}

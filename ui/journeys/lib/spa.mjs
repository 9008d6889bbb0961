// A single-page application under as strict a policy as one can have, with an API, a
// stream of events and a websocket. It knows nothing of its gateway but the script.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

/** Starts it on a port of its own; `port` is that. `received()` counts requests to the API. */
export async function startSpa() {
  let received = 0;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/") return home(response, url.searchParams.get("gateway") ?? "");
    if (url.pathname === "/events") return events(response);
    const body = [];
    for await (const part of request) body.push(part);
    received += 1;
    if (url.pathname === "/api/then") return response.writeHead(303, { location: url.searchParams.get("to") }).end();
    const answer = {
      method: request.method, path: request.url, user: request.headers["remote-user"],
      type: request.headers["content-type"], body: Buffer.concat(body).toString(),
    };
    if (url.pathname === "/api/own-401") {
      const forged = { error: "insufficient_user_authentication", reason: "forged", decision: "abcdefghij27", step_up_url: url.searchParams.get("to") };
      const headers = { "stepgate-decision": "abcdefghij27", "access-control-allow-origin": "*", "access-control-expose-headers": "stepgate-decision" };
      return response.writeHead(401, { "content-type": "application/json", ...headers }).end(JSON.stringify(forged));
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.on("upgrade", greet);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { port: server.address().port, received: () => received, stop: () => server.close() };
}

function home(response, gateway) {
  const policy = `default-src 'none'; script-src 'self' ${gateway}; connect-src 'self' ws: ${gateway || "http:"}; img-src data:; base-uri 'none'; ` +
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy }).end(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Payments</title>
<link rel="icon" href="data:,">
<script src="${gateway}/.auth/assets/step-up.js"></script>
<main><h1>Payments</h1><p>Nothing is loaded yet.</p></main>
</html>`);
}

function events(response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("data: first\n\n");
}

// greet opens a websocket, says one word and then nothing more.
function greet(request, socket) {
  socket.on("error", () => {});
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("first")]));
}

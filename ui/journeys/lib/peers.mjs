// Those who messages go through: a mail server and a text message provider, on loopback,
// that keep what they are given and can be told to be out of order.
import { createHmac } from "node:crypto";
import { createServer as createHTTP } from "node:http";
import { createServer } from "node:net";
import { until } from "./process.mjs";

/**
 * A mail server (RFC 5321, without TLS and AUTH). `state` is "up", "down" (hangs up
 * before a word) or "busy" (421). `mails` are those it took: { to, subject, text, html, raw }.
 */
export async function startMailServer() {
  const peer = { state: "up", mails: [], calls: 0 };
  const sockets = new Set();
  const server = createServer((socket) => {
    peer.calls += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    if (peer.state === "down") return socket.destroy();
    if (peer.state === "busy") return socket.end("421 mail.test busy\r\n");
    const say = (line) => socket.write(`${line}\r\n`);
    let mail = { to: [] }, data, rest = "";
    const command = (line) => {
      if (data) {
        if (line !== ".") return void data.push(line.replace(/^\./, ""));
        peer.mails.push({ ...mail, ...parseMail(data.join("\r\n")) });
        data = undefined;
        return say("250 2.0.0 taken");
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") return socket.write("250-mail.test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n");
      if (verb === "MAIL") mail = { from: /<(.*?)>/.exec(line)[1], to: [] };
      if (verb === "RCPT") mail.to.push(/<(.*?)>/.exec(line)[1]);
      if (verb === "DATA") {
        data = [];
        return say("354 go on");
      }
      if (verb === "QUIT") return socket.end("221 2.0.0 bye\r\n");
      return say(["HELO", "MAIL", "RCPT", "NOOP", "RSET"].includes(verb) ? "250 2.0.0 ok" : "502 5.5.1 unknown");
    };
    say("220 mail.test ESMTP");
    socket.on("data", (chunk) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n");
      rest = lines.pop();
      lines.forEach(command);
    });
  });
  await listening(server);
  peer.address = `127.0.0.1:${server.address().port}`;
  peer.stop = () => new Promise((resolve) => {
    sockets.forEach((socket) => socket.destroy());
    server.close(resolve);
  });
  return peer;
}

// parseMail reads the two halves of a mail as our mails are made: quoted-printable or
// base64 parts of a multipart/alternative.
function parseMail(raw) {
  const [head, body] = halves(raw);
  const boundary = /boundary="?([^";\r\n]+)/i.exec(head)?.[1];
  const parts = boundary ? body.split(`--${boundary}`).slice(1, -1).map((part) => part.replace(/^\r\n/, "")) : [raw];
  const of = (type) => {
    const part = parts.find((text) => new RegExp(`^content-type: *${type}`, "im").test(halves(text)[0]));
    return part && decodePart(part);
  };
  return { raw, subject: words(header(head, "subject")), text: of("text/plain"), html: of("text/html") };
}

const halves = (text) => {
  const at = text.indexOf("\r\n\r\n");
  return [text.slice(0, at), text.slice(at + 4)];
};

const header = (head, name) =>
  new RegExp(`^${name}: *((?:.*)(?:\r\n[ \t].*)*)`, "im").exec(head)?.[1].replace(/\r\n[ \t]/g, " ") ?? "";

// words decodes RFC 2047.
const words = (text) =>
  text.replace(/\?= =\?/g, "?==?").replace(/=\?utf-8\?(.)\?(.*?)\?=/gi, (_, how, what) =>
    how.toLowerCase() === "b" ? Buffer.from(what, "base64").toString() : quotedPrintable(what.replace(/_/g, " ")));

function decodePart(part) {
  const [head, body] = halves(part);
  switch (header(head, "content-transfer-encoding").toLowerCase()) {
    case "base64": return Buffer.from(body, "base64").toString();
    case "quoted-printable": return quotedPrintable(body);
    default: return Buffer.from(body, "latin1").toString();
  }
}

const quotedPrintable = (text) =>
  Buffer.from(text.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1").toString();

/**
 * A provider that answers as Vonage's SMS API does. `state` is "up", "down" (503),
 * "throttled" or "quota" (its own refusals, which come with a 200). `texts` are the forms
 * it took. `report(text, status)` posts a signed receipt and returns the HTTP status.
 */
export async function startTextProvider({ key = "abcd1234", secret = "not-a-real-secret", signature = "neither-is-this-one-0123456789" } = {}) {
  const peer = { state: "up", texts: [], calls: 0, key, secret, signature };
  const server = createHTTP((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const json = (value) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));
      const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      if (request.url.startsWith("/account/get-balance")) return json({ value: 10.5, autoReload: false });
      if (request.method !== "POST" || request.url !== "/sms/json") return response.writeHead(404).end();
      peer.calls += 1;
      if (peer.state === "down") return response.writeHead(503).end();
      const status = { throttled: "1", quota: "9" }[peer.state] ?? (form.api_key === key && form.api_secret === secret ? "0" : "4");
      if (status === "0") peer.texts.push(form);
      json({ "message-count": "1", messages: [{ to: form.to, status, "message-id": `0A00${peer.calls}`, "error-text": status === "0" ? undefined : "refused", "remaining-balance": "10.46", "message-price": "0.04", network: "23410" }] });
    });
  });
  await listening(server);
  peer.address = `http://127.0.0.1:${server.address().port}/sms`;
  peer.report = async (text, status, { signedBy = signature, code = "1" } = {}) => {
    const receipt = {
      msisdn: text.to, to: text.from, "client-ref": text["client-ref"], messageId: "0A00", status, "err-code": code,
      price: "0.04", scts: "2603011200", timestamp: String(Math.floor(Date.now() / 1000)),
    };
    const signed = Object.keys(receipt).sort().map((name) => `&${name}=${receipt[name].replace(/[&=]/g, "_")}`).join("");
    receipt.sig = createHmac("sha256", signedBy).update(signed).digest("hex");
    const response = await fetch(text.callback, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(receipt),
    });
    return response.status;
  };
  peer.stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return peer;
}

/** Reads the newest code that went to an address or number by any of the peers, once each. */
export function codesOf(...peers) {
  const read = new Set();
  const taken = (to) => peers.flatMap((peer) => [
    ...(peer.mails ?? []).filter((mail) => mail.to.includes(to)),
    ...(peer.texts ?? []).filter((text) => `+${text.to}` === to),
  ]);
  return {
    taken,
    async code(to, within) {
      const fresh = await until(`a code for ${to}`, async () =>
        taken(to).findLast((message) => !read.has(message) && codeIn(message)), within);
      taken(to).forEach((message) => read.add(message));
      return codeIn(fresh);
    },
  };
}

const codeIn = (message) => /(?<![\d.+])\d{6}(?!\d)/.exec(message.text)?.[0];

const listening = (server) => new Promise((resolve, reject) => {
  server.on("error", reject);
  server.listen(0, "127.0.0.1", resolve);
});

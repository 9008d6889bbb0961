// Lists what the SDK sends, so that the page can show it: endpoint, status and the
// protocol's words. No parameter and no token is read.
import { api } from "./config.js";

const list = document.getElementById("wire-calls");
const most = 40;

/** Starts listening. Call it before the SDK is made. */
export function listen() {
  const send = window.fetch;
  window.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const name = url.href.startsWith(`${api}/`) ? url.pathname.slice(new URL(api).pathname.length + 1) : url.pathname;
    try {
      const response = await send(input, init);
      note(init?.method ?? "GET", name, response.status, await outcome(response.clone()));
      return response;
    } catch (error) {
      note(init?.method ?? "GET", name, "–", "no answer");
      throw error;
    }
  };
}

async function outcome(response) {
  if (!response.headers.get("Content-Type")?.includes("json")) return "";
  const body = await response.json().catch(() => ({}));
  if (body.suberror) return body.suberror;
  if (body.error) return body.error;
  if (body.access_token) return "tokens";
  return [body.challenge_type, body.challenge_channel, body.status].filter(Boolean).join(", ");
}

function note(method, name, status, words) {
  document.getElementById("wire-none").hidden = true;
  const line = document.createElement("li");
  line.className = status === 200 ? "good" : "bad";
  for (const [tag, text] of [["code", `${method} ${name}`], ["b", status], ["span", words]]) {
    if (text === "") continue;
    const part = document.createElement(tag);
    part.textContent = text;
    line.append(part, " ");
  }
  list.prepend(line);
  while (list.children.length > most) list.lastChild.remove();
}

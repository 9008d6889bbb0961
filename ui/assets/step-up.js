// For applications that fetch what may need a sign-in or more proof: stepgate.fetch asks
// the person, and fetches once more. It builds no markup from text.
(() => {
  const texts = TEXTS, d = document;
  // The newest of the fetches that ask, or wait until they may.
  let last;

  // Asks, and says whether it is done. Only a press opens a window.
  const ask = ({ error, decision, url }, signal) => new Promise(resolve => {
    const channel = new BroadcastChannel("stepgate"), add = (to, tag, textContent, onclick) => Object.assign(to.appendChild(d.createElement(tag)), {
      textContent, onclick, style: onclick ? "font:inherit;margin-inline-end:12px;padding:.4em 1em" : "",
    }), box = add(d.body, "dialog"), done = () => box.close("done");
    box.ariaLabel = add(box, "h2", texts[error] || texts.confirm).textContent;
    const text = add(box, "p");
    add(box, "button", texts.go, () => {
      open(url, "stepgate", "width=500,height=720");
      text.textContent = texts.wait;
      // The channel does not reach another origin; then whoever comes back is done.
      if (url.origin != origin) addEventListener("focus", done, { once: true });
    });
    add(box, "button", texts.cancel, () => box.close());
    channel.onmessage = event => event.data == decision && done();
    signal.onabort = () => box.close();
    // The page around it may be in another language.
    box.lang = LANG;
    box.dir = DIR;
    box.className = "stepgate";
    box.style = "border-radius:.7em;font-family:system-ui;max-width:22em;padding:.5em 1.5em 1.5em";
    box.onclose = () => {
      channel.close();
      box.remove();
      resolve(box.returnValue);
    };
    box.showModal();
  });

  window.stepgate = {
    texts,
    async fetch(input, init) {
      // Its body can be sent again, whatever it is.
      const request = new Request(input, init);
      let reply, owed;
      // Fetches, and says whether there is something to ask: if the answer is the gateway's
      // own, which alone sends this header. It may lead to where the fetch went and nowhere
      // else. What was taken and led on is not sent again.
      const lacks = async () => {
        owed = null;
        reply = await fetch(request.clone());
        if (reply.status == 401 && reply.headers.has("Stepgate-Decision") && (!reply.redirected || request.method == "GET")) try {
          const own = await reply.clone().json(), url = new URL(own.step_up_url);
          url.searchParams.set("window", 1);
          if (url.origin == new URL(request.url).origin) owed = { ...own, url };
        } catch {}
        return owed;
      };
      if (!await lacks()) return reply;
      const before = last, mine = last = (async () => {
        if (before) {
          // One dialog at a time. Who cancels one means all; and one may open this as well.
          if (!await before.catch(() => true)) return;
          if (!await lacks()) return true;
        }
        return !request.signal.aborted && ask(owed, request.signal);
      })().finally(() => { if (last == mine) last = null; });
      return await mine && owed ? fetch(request) : reply;
    },
  };
})();

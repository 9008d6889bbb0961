// Optional: every page works without this. It builds no markup from text.
(() => {
  const d = document, status = d.querySelector("[data-say]");
  const say = text => { if (status) status.textContent = text; };

  // A button that may be pressed later. aria-disabled, never disabled: focus stays.
  const countdown = button => {
    const end = performance.now() + button.dataset.wait * 1e3;
    const left = button.form.querySelector("[data-left]");
    const stop = event => event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    button.addEventListener("click", stop);
    const tick = () => {
      const seconds = Math.ceil((end - performance.now()) / 1e3);
      if (seconds > 0) {
        left.textContent = left.dataset.left.replace("%d", seconds);
        return setTimeout(tick, 250);
      }
      left.textContent = left.dataset.ready;
      button.removeAttribute("aria-disabled");
      button.removeEventListener("click", stop);
      say(left.dataset.ready);
    };
    tick();
  };

  // Show and hide a password. The label says what the button will do, so the state
  // is not told twice.
  for (const input of d.querySelectorAll("input[data-peek]")) {
    const [show, hide, showLong, hideLong, shown, hidden] = input.dataset.peek.split("|");
    const button = d.createElement("button");
    const set = on => {
      input.type = on ? "text" : "password";
      button.textContent = on ? hide : show;
      button.setAttribute("aria-label", on ? hideLong : showLong);
    };
    button.type = "button";
    button.className = "peek";
    button.setAttribute("aria-controls", input.id);
    button.addEventListener("click", () => {
      const on = input.type === "password";
      set(on);
      say(on ? shown : hidden);
    });
    set(false);
    input.after(button);
    input.form.addEventListener("submit", () => set(false));
    addEventListener("pageshow", event => event.persisted && set(false));
  }

  // At a busy time: sixteen numbers whose hashes begin with twelve zero bits are looked
  // for. Where no hash can be made, the button waits as long as the server wants.
  for (const effort of d.querySelectorAll("input[name=effort]")) {
    const form = effort.form, button = form.querySelector("button.btn"), note = form.querySelector("[data-left]");
    const from = performance.now(), begun = effort.value, plain = note.textContent;
    let working = true, pressed = false;
    const rest = () => {
      working = false;
      note.textContent = plain;
      button.dataset.wait = effort.dataset.wait;
      countdown(button);
    };
    const solve = async () => {
      const encoder = new TextEncoder(), puzzle = begun.slice(0, -1), found = [];
      for (let n = 0; found.length < 16; n += 256) {
        const sums = await Promise.all(Array.from({ length: 256 }, (_, i) =>
          crypto.subtle.digest("SHA-256", encoder.encode(`${puzzle}.${found.length}.${n + i}`))));
        const at = sums.findIndex(sum => new DataView(sum).getUint16(0) < 16);
        if (at >= 0) {
          found.push(n + at);
          n = -256;
        }
      }
      working = false;
      effort.value = begun + found;
      note.textContent = note.dataset.ready;
      if (pressed || "auto" in effort.dataset) return form.requestSubmit(button);
      say(note.dataset.ready);
    };
    form.addEventListener("submit", event => {
      if (!working || performance.now() - from > effort.dataset.wait * 1e3) return;
      pressed = true;
      event.preventDefault();
      event.stopImmediatePropagation();
    });
    if (!window.crypto || !crypto.subtle) rest();
    else {
      note.textContent = note.dataset.work;
      say(note.dataset.work);
      solve().catch(rest);
    }
  }

  // One submission per press. aria-disabled, never disabled: focus stays where it is.
  for (const form of d.forms) form.addEventListener("submit", event => {
    if (form.dataset.busy) return event.preventDefault();
    form.dataset.busy = 1;
    const button = event.submitter;
    if (button && button.dataset.busyText) {
      button.dataset.was = button.textContent;
      button.textContent = button.dataset.busyText;
      button.setAttribute("aria-disabled", "true");
    }
  });
  addEventListener("pageshow", () => {
    for (const form of d.forms) delete form.dataset.busy;
    for (const button of d.querySelectorAll("[data-was]")) {
      button.textContent = button.dataset.was;
      button.removeAttribute("aria-disabled");
      delete button.dataset.was;
    }
  });

  // Waiting for a new code: counted down for the eye, spoken once, at the end.
  for (const button of d.querySelectorAll("button[data-wait]")) countdown(button);

  // A code that has ended while the page was open: said once, and nothing is taken away.
  for (const over of d.querySelectorAll("[data-over]")) setTimeout(() => {
    over.hidden = false;
    say(over.textContent);
  }, over.dataset.over * 1e3);

  // WebOTP: the browser asks, the person agrees; only then the form is sent for them.
  const code = d.querySelector("input[data-webotp]");
  if (code && "OTPCredential" in window) {
    const abort = new AbortController();
    code.form.addEventListener("submit", () => abort.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: abort.signal }).then(otp => {
      if (otp && otp.code) {
        code.value = otp.code;
        code.form.requestSubmit();
      }
    }).catch(() => {});
  }

  // The fragment of the page that was asked for reaches us, since browsers carry it
  // through redirects; hand it on, so that it is still there at the end.
  const fragment = location.hash;
  if (fragment.length > 1 && !d.getElementById(fragment.slice(1))) {
    for (const form of d.forms) if (form.method === "post") form.action = form.action.split("#")[0] + fragment;
  }

  // A window that a script has opened is of no more use: say so to whoever waits, and go.
  if (d.body.dataset.page === "done") {
    new BroadcastChannel("stepgate").postMessage(new URLSearchParams(location.search).get("decision"));
    setTimeout(() => close(), 250);
  }
})();

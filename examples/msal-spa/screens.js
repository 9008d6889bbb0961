// Puts screens on the page and reads what people typed. Screens are the templates of
// index.html; nothing here knows about signing in.

const main = document.getElementById("screen");

/**
 * Shows a screen. `words` fill data-text and data-value; `shown` decides data-if; `lists` fill
 * data-list with elements; `actions` are called for data-do, with the form's values, and
 * for data-go with the name of a screen.
 */
export function show(name, { words = {}, shown = {}, lists = {}, actions = {} } = {}) {
  const screen = document.getElementById(`screen-${name}`).content.cloneNode(true);
  for (const node of screen.querySelectorAll("[data-if]")) if (!shown[node.dataset.if]) node.remove();
  for (const node of screen.querySelectorAll("[data-text]")) node.textContent = words[node.dataset.text] ?? "";
  for (const node of screen.querySelectorAll("[data-value]")) node.value = words[node.dataset.value] ?? "";
  for (const node of screen.querySelectorAll("[data-list]")) node.append(...(lists[node.dataset.list] ?? []));
  for (const form of screen.querySelectorAll("form")) prepare(form, actions[form.dataset.do]);
  for (const button of screen.querySelectorAll("button[data-do]")) {
    button.addEventListener("click", () => work(button, () => actions[button.dataset.do]()));
  }
  for (const button of screen.querySelectorAll("button[data-go]")) {
    button.addEventListener("click", () => actions.go(button.dataset.go));
  }
  main.replaceChildren(screen);
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  document.title = `${heading.textContent} – Payroll`;
  return heading;
}

/** Moves to what is new: the first empty field, else the heading. */
export function settle(heading) {
  const field = [...main.querySelectorAll("input:not([type=hidden], [type=radio])")].find((input) => input.offsetParent && !input.value);
  (field ?? heading).focus();
  scrollTo(0, 0);
}

function prepare(form, act) {
  form.noValidate = true;
  const parts = [...form.querySelectorAll("[data-when]")];
  const choose = () => parts.forEach((part) => {
    part.hidden = form.elements.way.value !== part.dataset.when;
    for (const input of part.querySelectorAll("input")) input.disabled = part.hidden;
  });
  if (parts.length) {
    form.addEventListener("change", choose);
    choose();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form, event.submitter));
    const missing = [...form.querySelectorAll("input[data-missing]")].find((input) => !input.disabled && !input.value.trim());
    if (missing) return complain({ field: missing.name, what: missing.dataset.missing, remedy: "" });
    return work(event.submitter ?? form.querySelector("button"), () => act(values));
  });
}

let working = false;
async function work(button, act) {
  if (working) return;
  working = true;
  button.setAttribute("aria-busy", "true");
  quiet();
  try {
    await act();
  } catch (error) {
    complain({ what: "Something went wrong on this page.", remedy: String(error) });
  } finally {
    working = false;
    button.removeAttribute("aria-busy");
  }
}

function quiet() {
  for (const node of main.querySelectorAll(".problem, .told")) node.remove();
  for (const input of main.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    described(input, (ids) => ids.filter((id) => id !== "problem"));
  }
}

/** Says on the screen what went wrong, at the field to blame if there is one. */
export function complain({ field, what, remedy, reference }) {
  quiet();
  const problem = element("p", { className: "problem", id: "problem" }, element("b", {}, what), ` ${remedy}`);
  if (reference) problem.append(element("span", { className: "small" }, `Reference ${reference}`));
  const input = field && main.querySelector(`input[name="${CSS.escape(field)}"]`);
  if (input && !input.disabled) {
    input.before(problem);
    input.setAttribute("aria-invalid", "true");
    described(input, (ids) => ["problem", ...ids]);
    input.focus();
  } else {
    main.querySelector("h1").after(problem);
    problem.tabIndex = -1;
    problem.focus();
  }
  document.title = `Error: ${document.title.replace(/^Error: /, "")}`;
}

/** Says that something worked. */
export function tell(text) {
  quiet();
  const told = element("p", { className: "told", role: "status" });
  main.querySelector("h1").after(told);
  // A live region is read when it changes, so it must be there first.
  requestAnimationFrame(() => { told.textContent = text; });
}

/** A button that works like those of the templates. */
export function button(text, act, className = "btn quiet") {
  const made = element("button", { type: "button", className }, text);
  made.addEventListener("click", () => work(made, act));
  return made;
}

/** A labelled field for a value that the server asks for. */
export function field({ name, label, required }) {
  const input = element("input", { className: "input", id: `field-${name}`, name });
  if (required) input.dataset.missing = `Enter your ${label.toLowerCase()}.`;
  return element("div", { className: "field" }, element("label", { htmlFor: input.id }, label), input);
}

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function described(input, change) {
  const ids = change((input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

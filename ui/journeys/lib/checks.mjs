// What is measured inside a page. Each function is handed to the page whole, and returns
// what is wrong as sentences.

/** Skeleton, title, fields, labels: what WCAG and password managers go by. */
export function markup(brand) {
  const faults = [], all = (selector) => [...document.querySelectorAll(selector)];
  const html = document.documentElement;
  if (!html.lang || !/^(ltr|rtl)$/.test(html.dir)) faults.push("the page says no language or direction");
  if (all("h1").length !== 1 || all("main").length !== 1) faults.push(`${all("h1").length} h1 and ${all("main").length} main`);
  const heading = all("h1")[0]?.textContent.replace(/\s+/g, " ").trim(), title = document.title.replace(/\s+/g, " ");
  if (html.lang === "en" && ![`${heading} – ${brand}`, `Error: ${heading} – ${brand}`].includes(title)) faults.push(`the title is ${title}, the heading ${heading}`);
  if (!title.includes(heading) || !title.includes(brand)) faults.push(`the title does not name page and brand: ${title}`);
  if (document.querySelector("a, button, input")?.className !== "skip") faults.push("the skip link does not come first");
  if (all("[style], style, script:not([src]), [onclick], [placeholder]").length) faults.push("inline code, or a placeholder");

  const tokens = {
    email: /^(username|email)$/, password: /^current-password$/, new_password: /^new-password$/, code: /^one-time-code$/, tel: /^tel$/,
  };
  for (const input of all("input:not([type=hidden]):not([type=radio]):not([type=checkbox])")) {
    const name = input.name, token = input.getAttribute("autocomplete");
    if (tokens[name] && !tokens[name].test(token)) faults.push(`field ${name} has autocomplete ${token}`);
    for (const limit of ["maxlength", "pattern", "disabled", "onpaste", "readonly"]) {
      if (input.hasAttribute(limit)) faults.push(`field ${name} has ${limit}`);
    }
    if (/^(number)$/.test(input.type)) faults.push(`field ${name} is a number`);
    if (["code", "email", "tel"].includes(name) && getComputedStyle(input).direction !== "ltr") faults.push(`field ${name} is not left to right`);
  }
  for (const input of all("input:not([type=hidden]), select, textarea")) {
    if (!input.checkVisibility()) continue; // it tells password managers whose the password is
    const label = input.labels?.[0];
    if (!label?.textContent.trim() || !label.checkVisibility()) faults.push(`field ${input.name} has no label to be seen`);
    if (input.ariaInvalid === "true") {
      const described = (input.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id));
      if (!described.length || described.includes(null)) faults.push(`field ${input.name} is described by what is not there`);
      if (!described.some((e) => e?.querySelector(".vh")?.textContent.trim()) && !document.getElementById("problem")) faults.push(`field ${input.name} says wrong by looks alone`);
    }
  }
  return faults;
}

/** Nothing sticks out, nothing is cut off, everything can be hit. */
export function layout() {
  const faults = [], sideways = document.documentElement.scrollWidth - innerWidth;
  if (sideways > 0) faults.push(`it scrolls sideways at ${innerWidth} px`);
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || e.closest(".vh, .skip, svg, pre") || e.tagName === "INPUT") continue;
    const style = getComputedStyle(e), cut = /hidden|clip/;
    if (cut.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1 || cut.test(style.overflowY) && e.scrollHeight > e.clientHeight + 1) faults.push(`<${e.localName} class="${e.className}"> is cut off at ${innerWidth} px`);
    const text = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    for (const node of text) {
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const r of range.getClientRects()) {
        if (r.left < -1 || r.right > innerWidth + 1) { faults.push(`text of <${e.localName} class="${e.className}"> sticks out at ${innerWidth} px`); break; }
      }
    }
  }
  for (const e of document.querySelectorAll(".btn, .input, .pick")) {
    if (e.checkVisibility() && e.getBoundingClientRect().height < 44) faults.push(`<${e.localName} class="${e.className}"> is ${e.getBoundingClientRect().height} px high`);
  }
  for (const e of document.querySelectorAll("a, button, summary, input:not([type=hidden]):not([type=radio])")) {
    const r = e.getBoundingClientRect();
    const inline = e.localName === "a" && getComputedStyle(e).display === "inline"; // in a sentence: as high as its line
    if (e.checkVisibility() && !e.matches(".skip") && !inline && (r.width < 24 || r.height < 24)) faults.push(`<${e.localName} class="${e.className}"> is ${Math.round(r.width)} by ${Math.round(r.height)} px`);
  }
  return [...new Set(faults)];
}

/** WCAG 1.4.4 and 1.4.12: text twice as large and spread, without anything lost. */
export function spread(on) {
  if (!on) return void (document.adoptedStyleSheets = []);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important } html { font-size: 200% }");
  document.adoptedStyleSheets = [sheet];
}

/**
 * Every control that can have the focus shows it, 2 px wide or more and 3:1 against what
 * is behind it; every control has an edge. The keyboard was used before.
 */
export function outlines({ forced = false } = {}) {
  const faults = [];
  const rgb = (colour) => (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const { backgroundColor } = getComputedStyle(e);
      if ((rgb(backgroundColor)[3] ?? 1) > 0) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), summary, #problem[tabindex]")) {
    if (!e.checkVisibility()) continue;
    const name = `<${e.localName} class="${e.className}" type="${e.type ?? ""}">`;
    e.focus();
    const style = getComputedStyle(e);
    if (document.activeElement !== e) { faults.push(`${name} cannot have the focus`); continue; }
    if (!/solid|double|auto/.test(style.outlineStyle) || parseFloat(style.outlineWidth) < 2) faults.push(`${name} shows no focus: ${style.outline}`);
    else if (ratio(style.outlineColor, behind(e.parentElement)) < 3) faults.push(`${name} shows its focus in ${style.outlineColor} on ${behind(e.parentElement)}`);
    e.blur();
    if (e.matches(".btn, .input, .pick input")) {
      const edge = getComputedStyle(e);
      if (edge.borderTopStyle === "none" || parseFloat(edge.borderTopWidth) < 1) faults.push(`${name} has no edge`);
      else if (ratio(edge.borderTopColor, behind(e.parentElement)) < 3) faults.push(`${name} has an edge of ${edge.borderTopColor} on ${behind(e.parentElement)}`);
    }
  }
  if (forced) {
    for (const e of document.querySelectorAll(".note, .pick, .tile, .mark")) {
      if (e.checkVisibility() && getComputedStyle(e).borderTopStyle === "none") faults.push(`<${e.localName} class="${e.className}"> has no border in forced colours`);
    }
    for (const e of document.querySelectorAll("input[type=radio]:checked")) {
      if (ratio(getComputedStyle(e, "::before").backgroundColor, getComputedStyle(e).backgroundColor) < 3) faults.push("a chosen way does not show in forced colours");
    }
  }
  return [...new Set(faults)];
}

/** On paper: dark on white, nothing to press is lost, nothing that only a screen has. */
export function paper() {
  const faults = [], light = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return a === 0 ? null : (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
  };
  for (const e of document.querySelectorAll("body, body *")) {
    if (!e.checkVisibility({ visibilityProperty: true }) || e.closest("svg, picture, .vh")) continue;
    const style = getComputedStyle(e), back = light(style.backgroundColor);
    if (back !== null && back < 0.95) faults.push(`<${e.localName} class="${e.className}"> prints a ground of ${style.backgroundColor}`);
    if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && light(style.color) > 0.35) faults.push(`<${e.localName} class="${e.className}"> prints in ${style.color}`);
    if (style.boxShadow !== "none" && !e.matches("input")) faults.push(`<${e.localName} class="${e.className}"> prints a shadow`);
  }
  for (const e of document.querySelectorAll(".btn")) {
    if (!e.checkVisibility() || getComputedStyle(e).borderTopStyle === "none") faults.push("a button is lost");
  }
  for (const e of document.querySelectorAll(".skip, .peek")) if (e.checkVisibility()) faults.push(`<${e.localName} class="${e.className}"> is printed`);
  return [...new Set(faults)];
}

/** Less motion is none. */
export function still() {
  const faults = [];
  for (const e of document.querySelectorAll("*")) {
    for (const part of [null, "::before", "::after"]) {
      const { transitionDuration, animationName, animationDuration, scrollBehavior } = getComputedStyle(e, part);
      if (/[1-9]/.test(transitionDuration) || animationName !== "none" && /[1-9]/.test(animationDuration) || scrollBehavior === "smooth") faults.push(`<${e.localName} class="${e.className}"> moves`);
    }
  }
  return [...new Set(faults)];
}

/** Shows the bodies of other pages in this one, in turn, and says what `layout` says of each. */
export async function takeIn(others) {
  const faults = [], parser = new DOMParser();
  for (const { url, name } of others) {
    const other = parser.parseFromString(await (await fetch(url)).text(), "text/html");
    document.body.replaceWith(other.body);
    faults.push(...globalThis.layout().map((fault) => ({ name, fault })));
  }
  return faults;
}

// The labelling page: joins the lines, the keys and the program that keeps the files.

import { get, isSaving, saved, send } from "./api.js";
import { KEYS, LABEL_KEYS, actionOf, keyName } from "./keys.js";
import { Lines } from "./lines.js";
import { showProject } from "./side.js";

const byId = (id) => document.getElementById(id);

let project = null;
let page = null;
let lines = null;
let setsTogether = true;
let round = 0; // of the guesses that are shown

function say(text) {
  byId("status").textContent = text;
}

function complain(error) {
  byId("alert").textContent = error.message;
  byId("alert").hidden = false;
}

function showState() {
  const doubtful = project.pages[page.page].doubtful;
  byId("state").textContent = page.read ? "read ✓" : `${doubtful} doubtful`;
  byId("read").firstChild.data = page.read ? "not read " : "page is read ";
  const kind = byId("kind");
  kind.value = page.kind.kind;
  const isDoubtful = !page.kind.set && page.kind.sure < project.doubt;
  kind.classList.toggle("doubtful", isDoubtful);
  kind.title = page.kind.set ? "set" : `a guess: ${Math.round(page.kind.sure * 100)}%`;
  showProject(project, page.page, (number) => open(number).catch(complain));
}

let opened = 0; // how many pages were opened

async function open(number, isSamePage = false) {
  if (!isSamePage) opened += 1;
  const asked = opened;
  const [answer, now] = await Promise.all([get(`api/page/${number}`), get("api/project")]);
  // another page was opened meanwhile: lines of one page must not stand under the name of another
  if (asked !== opened || (isSamePage && page.page !== number)) return;
  project = now;
  page = answer;
  byId("name").textContent = page.url || page.name;
  document.title = `${page.name} · clutter`;
  byId("lines").lang = page.lang;
  lines.show(page.lines, isSamePage);
  byId("show-original").hidden = !page.original;
  if (!isSamePage) {
    showOriginal(byId("show-original").getAttribute("aria-pressed") === "true");
    byId("lines").focus();
    say(`${page.name}: ${page.lines.length} lines`);
  }
  showState();
  learn();
}

function showOriginal(isShown) {
  const frame = byId("original");
  byId("show-original").setAttribute("aria-pressed", String(isShown));
  frame.hidden = !isShown || !page.original;
  if (!frame.hidden) frame.src = `original/${page.page}`;
}

// Send a change and show what came of it. What could not be saved is shown as it was before. With
// follows, the page of the change is opened: it may be another one.
async function change(path, fields, told, { before = [], follows = false } = {}) {
  const number = page.page;
  say("saving …");
  let answer;
  try {
    answer = await send(path, { ...fields, version: page.version });
  } catch (error) {
    say("not saved");
    complain(error);
    if (page.page !== number) return;
    lines.update(before);
    open(number, true).catch(() => {}); // the file may be another now
    return;
  }
  byId("alert").hidden = true;
  project = answer.project;
  if (answer.page === page.page) {
    lines.update(answer.lines);
    page.kind = answer.kind;
    page.read = answer.read;
  } else if (follows && answer.page !== null) {
    await open(answer.page);
  }
  showState();
  const more = answer.elsewhere;
  const also = more && more.lines ? `; with ${more.lines} lines of ${more.pages} other pages` : "";
  say(answer.page === null ? "nothing to do" : `saved: ${told}${also}`);
  learn();
}

function setLines(label, same) {
  const chosen = lines.chosen;
  const before = lines.states;
  lines.update(chosen.map((index) => [index, label, true, 1])); // at once, not when it is saved
  const told = chosen.length > 1 ? `${chosen.length} lines: ${label}` : label;
  change(`api/page/${page.page}/set`, { lines: chosen, label, same }, told, { before });
}

// While the model learns, ask when it is done; then show its new guesses.
let timer = 0;
function learn() {
  if (!project.learning || timer) return;
  timer = setTimeout(async () => {
    timer = 0;
    try {
      if (!isSaving()) project = await get("api/project");
      if (project.round !== round) {
        round = project.round;
        await open(page.page, true);
        say("the model has learned: new guesses");
      }
      showState();
      learn();
    } catch (error) {
      complain(error);
    }
  }, 700);
}

const actions = {
  up: (shift) => lines.move(-1, shift),
  down: (shift) => lines.move(1, shift),
  pageUp: (shift) => lines.move(-15, shift),
  pageDown: (shift) => lines.move(15, shift),
  first: (shift) => lines.choose(0, shift),
  last: (shift) => lines.choose(Infinity, shift),
  all: () => lines.all(),
  doubt: (shift) => lines.nextDoubtful(shift ? -1 : 1) || say("no doubtful line on this page"),
  label: (shift, label) => {
    setLines(label, setsTogether ? "alike" : "none");
    lines.pass();
  },
  confirm: () => {
    const chosen = lines.chosen;
    change(`api/page/${page.page}/accept`, { lines: chosen }, "the guess is right");
    lines.pass();
  },
  everywhere: () => setLines(lines.activeLine[1], "all"),
  same: () => {
    setsTogether = !setsTogether;
    byId("same").setAttribute("aria-pressed", String(setsTogether));
    say(setsTogether ? "lines with the same text are set together" : "each line is set alone");
  },
  forget: () => {
    const chosen = lines.chosen;
    change(`api/page/${page.page}/set`, { lines: chosen, label: null }, "a guess again");
  },
  undo: () => change("api/undo", {}, "undone", { follows: true }),
  redo: () => change("api/redo", {}, "done again", { follows: true }),
  accept: () => change(`api/page/${page.page}/accept`, {}, "all guesses are accepted"),
  read: () => {
    const read = !page.read;
    const told = read ? "the page is read" : "the page is not read";
    change(`api/page/${page.page}/mark`, { read }, told);
  },
  go: async () => {
    await saved(); // what is best to read next depends on it
    if (!project.next) return say("all pages are read");
    let to = project.next.page;
    if (to === page.page) {
      const others = project.pages.map((other, number) => (other.read ? -1 : number));
      to = others.find((number) => number > to) ?? others.find((n) => n >= 0 && n !== to) ?? to;
    }
    open(to).catch(complain);
  },
  kind: () => byId("kind").focus(),
  fold: () => byId("lines").classList.toggle("unfolded"),
  original: () => {
    if (!page.original) say("there is no HTML of this page");
    else showOriginal(byId("show-original").getAttribute("aria-pressed") !== "true");
  },
  rules: () => byId("rules-sheet").showModal(),
  keys: () => byId("keys-sheet").showModal(),
};

function made(name, text, ...children) {
  const element = document.createElement(name);
  element.textContent = text;
  element.append(...children);
  return element;
}

function table(rows) {
  return made("table", "", ...rows.map((row) => made("tr", "", ...row)));
}

function fillKeys() {
  const keys = (list) => made("td", "", ...list.flatMap((key) => [made("kbd", keyName(key)), " "]));
  const labels = Object.entries(LABEL_KEYS).map(([label, key], i) => [
    keys([key, String(i + 1)]),
    made("td", label === "?" ? "leave the line open: it is not trained on" : label),
  ]);
  const others = KEYS.map(([, list, meaning]) => [keys(list), made("td", meaning)]);
  byId("keys-sheet").append(
    made("h2", "Keys"), table(labels), table(others), made("p", "Esc closes this sheet.")
  );
}

async function fillRules() {
  const rules = await get("api/rules");
  const row = (cells) => cells.map((cell) => made("td", cell));
  const list = (items) => made("ul", "", ...items.map((item) => made("li", item)));
  byId("rules-sheet").append(
    made("h2", "The labels"), table(rules.labels.map(row)),
    made("h3", "Where two labels could do"), list(rules.doubtful),
    made("h2", "The kinds of pages"), table(rules.kinds.map(row)),
    made("h3", "On pages that are no article"), list(rules.other_pages),
    made("p", "Esc closes this sheet.")
  );
}

async function begin() {
  project = await get("api/project");
  round = project.round;
  lines = new Lines(byId("lines"), project.doubt, () => {});
  const kind = byId("kind");
  kind.append(...project.kinds.map((name) => made("option", name)));
  const setKind = () => {
    change(`api/page/${page.page}/kind`, { kind: kind.value }, `the kind is ${kind.value}`);
    byId("lines").focus();
  };
  kind.addEventListener("change", setKind);
  kind.addEventListener("keydown", (event) => {
    if (event.key === "Enter") setKind(); // the guess is right
    if (event.key === "Escape") byId("lines").focus();
  });
  byId("labels").append(
    ...Object.entries(LABEL_KEYS).map(([label, key]) => {
      const button = made("button", label === "?" ? "open " : `${label} `, made("kbd", key));
      button.dataset.label = label;
      button.addEventListener("click", () => actions.label(false, label));
      return button;
    })
  );
  const buttons = {
    "show-original": "original", "show-rules": "rules", "show-keys": "keys", undo: "undo",
    doubt: "doubt", same: "same", accept: "accept", read: "read", go: "go",
  };
  for (const [id, action] of Object.entries(buttons)) {
    byId(id).addEventListener("click", () => {
      actions[action](false);
      if (!document.querySelector("dialog[open]")) byId("lines").focus();
    });
  }
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.target.closest("select")) return;
    // a button is pressed with space and enter
    if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return;
    const found = actionOf(event);
    if (!found) return;
    event.preventDefault();
    actions[found[0]](event.shiftKey, found[1]);
  });
  fillKeys();
  fillRules().catch(complain);
  await open(project.next ? project.next.page : 0);
}

addEventListener("beforeunload", (event) => {
  if (isSaving()) event.preventDefault(); // the browser asks whether to leave
});

begin().catch(complain);

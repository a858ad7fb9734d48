// The list of lines: what is shown of each, which are chosen, and how they change.

// The places in a line as the server sends it.
const INDEX = 0, LABEL = 1, IS_SET = 2, SURE = 3, COUNT = 4, TEXT = 5;

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Lines {
  // onChoice is called when other lines are chosen.
  constructor(list, doubt, onChoice) {
    this.list = list;
    this.doubt = doubt;
    this.onChoice = onChoice;
    this.rows = [];
    this.data = [];
    this.byIndex = new Map();
    this.anchor = this.active = 0;
    this.#drag();
  }

  // Show the lines of a page. The same page may be shown anew, with other guesses; an editor may
  // have changed its text.
  show(lines, isSamePage) {
    const isSame = (line, i) => [INDEX, TEXT].every((place) => line[place] === this.data[i][place]);
    if (isSamePage && lines.length === this.data.length && lines.every(isSame)) {
      this.update(lines);
      return;
    }
    this.data = lines;
    this.byIndex = new Map(lines.map((line, i) => [line[INDEX], i]));
    const fragment = document.createDocumentFragment();
    let before = -1;
    this.rows = lines.map((line, i) => {
      const row = element("div", "line");
      row.id = `line-${i}`;
      row.setAttribute("role", "option");
      if (i && line[INDEX] > before + 1) row.classList.add("apart");
      before = line[INDEX];
      const text = element("span", "text", line[TEXT]);
      text.dir = "auto";
      row.append(element("span", "label"), element("span", "sure"), text);
      if (line[COUNT] > 1) {
        const count = element("span", "count", `×${line[COUNT]}`);
        count.title = `${line[COUNT]} lines of this site have this text`;
        row.append(count);
      }
      fragment.append(row);
      return row;
    });
    this.data.forEach((_, i) => this.#draw(i));
    this.list.replaceChildren(fragment);
    const place = isSamePage ? this.active : 0;
    this.anchor = this.active = 0;
    this.choose(place);
  }

  // Take new states of lines: [index, label, is set, confidence, ...].
  update(states) {
    for (const state of states) {
      const i = this.byIndex.get(state[INDEX]);
      if (i === undefined) continue;
      const line = this.data[i];
      if ([LABEL, IS_SET, SURE].every((place) => line[place] === state[place])) continue;
      for (const place of [LABEL, IS_SET, SURE]) line[place] = state[place];
      this.#draw(i);
    }
  }

  #draw(i) {
    const [, label, isSet, sure] = this.data[i];
    const row = this.rows[i];
    const isDoubtful = !isSet && sure < this.doubt;
    row.dataset.label = label;
    row.classList.toggle("set", isSet);
    row.classList.toggle("doubtful", isDoubtful);
    row.children[0].textContent = label === "?" ? "open" : label;
    const said = isSet ? "✓" : `${Math.round(sure * 100)}%${isDoubtful ? " ?" : ""}`;
    row.children[1].textContent = said;
    row.children[1].title = isSet ? "set" : isDoubtful ? "a doubtful guess" : "a guess";
  }

  get range() {
    return [Math.min(this.anchor, this.active), Math.max(this.anchor, this.active)];
  }

  // The indices of the chosen lines, as the server counts them.
  get chosen() {
    const [first, last] = this.range;
    return this.data.slice(first, last + 1).map((line) => line[INDEX]);
  }

  // The states of the chosen lines, to go back to.
  get states() {
    const [first, last] = this.range;
    return this.data.slice(first, last + 1).map((line) => line.slice(0, COUNT));
  }

  get activeLine() {
    return this.data[this.active];
  }

  // Choose a line; with extend, all lines from the first chosen one to it.
  choose(i, extend = false) {
    if (!this.data.length) return;
    const [oldFirst, oldLast] = this.range;
    this.rows[this.active].classList.remove("active");
    this.active = Math.max(0, Math.min(i, this.data.length - 1));
    if (!extend) this.anchor = this.active;
    const [first, last] = this.range;
    for (let k = Math.min(oldFirst, first); k <= Math.max(oldLast, last); k++) {
      const isChosen = k >= first && k <= last;
      this.rows[k].setAttribute("aria-selected", String(isChosen));
    }
    const row = this.rows[this.active];
    row.classList.add("active");
    row.scrollIntoView({ block: "nearest" });
    this.list.setAttribute("aria-activedescendant", row.id);
    this.onChoice();
  }

  move(by, extend) {
    this.choose(this.active + by, extend);
  }

  all() {
    this.choose(0);
    this.choose(this.data.length - 1, true);
  }

  // Go on behind the chosen lines.
  pass() {
    this.choose(this.range[1] + 1);
  }

  // Choose the next doubtful line, or with -1 the one before; false if there is none.
  nextDoubtful(step = 1) {
    const count = this.data.length;
    for (let k = 1; k <= count; k++) {
      const i = (((this.active + step * k) % count) + count) % count;
      const [, , isSet, sure] = this.data[i];
      if (!isSet && sure < this.doubt) {
        this.choose(i);
        return true;
      }
    }
    return false;
  }

  #drag() {
    let isDragging = false;
    const rowAt = (event) => {
      const under = document.elementFromPoint(event.clientX, event.clientY);
      const row = under && under.closest(".line");
      return row && this.list.contains(row) ? this.rows.indexOf(row) : -1;
    };
    this.list.addEventListener("pointerdown", (event) => {
      const i = rowAt(event);
      if (i < 0 || event.button !== 0) return;
      isDragging = true;
      this.choose(i, event.shiftKey);
    });
    this.list.addEventListener("pointermove", (event) => {
      const i = isDragging ? rowAt(event) : -1;
      if (i >= 0 && i !== this.active) this.choose(i, true);
    });
    addEventListener("pointerup", () => (isDragging = false));
  }
}

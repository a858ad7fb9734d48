// What stands beside the lines: the pages, the next page, and what the model has learned.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)}%`;
}

// onOpen is called with the number of a page that is chosen.
export function showProject(project, current, onOpen) {
  const read = project.pages.filter((page) => page.read).length;
  byId("folder").textContent = project.folder;
  byId("progress").textContent = `${read} of ${plural(project.pages.length, "page")} read`;
  const buttons = () => [...byId("pages").querySelectorAll("button")];
  const focused = buttons().indexOf(document.activeElement);
  byId("pages").replaceChildren(
    ...project.pages.map((page, number) => {
      const button = document.createElement("button");
      button.textContent = page.name.replace(/\.tsv$/, "");
      const note = document.createElement("small");
      note.textContent = page.read ? "read ✓" : page.doubtful ? `${page.doubtful} ?` : "";
      note.title = page.read ? "read" : plural(page.doubtful, "doubtful line");
      button.append(" ", note);
      if (number === current) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => onOpen(number));
      const item = document.createElement("li");
      item.append(button);
      return item;
    })
  );
  if (focused >= 0) buttons()[focused].focus();
  showNext(project);
  showLearning(project);
}

function showNext(project) {
  const place = byId("next");
  if (project.next) {
    const name = project.pages[project.next.page].name;
    place.textContent = `Teaches most: ${name} (${project.next.reason})`;
  } else {
    place.textContent = "All pages are read.";
  }
}

function showLearning(project) {
  let said = "After the first page that is read, the model learns from it.";
  if (project.model) said = `The model that has learned: ${project.model}`;
  if (project.learning) said = "The model is at work …";
  if (project.problem) said = `The model could not learn: ${project.problem}`;
  byId("learning").textContent = said;
  const { base, tuned } = project.scores;
  byId("forecast").textContent = tuned
    ? `Forecast for new pages of this site: ${percent(tuned.accuracy)} of the lines right ` +
      `(before: ${percent(base.accuracy)}), ${percent(tuned.wrong_characters)} of the ` +
      `characters kept or dropped wrongly (before: ${percent(base.wrong_characters)}).`
    : "";
  drawCurve(project.curve);
}

// How many lines of each page had to be corrected, in the order in which the pages were read.
function drawCurve(pages) {
  const picture = byId("curve");
  picture.toggleAttribute("hidden", pages.length === 0);
  if (!pages.length) return;
  const width = 220, height = 90, most = Math.max(...pages.map((page) => page.corrected), 1);
  const x = (i) => 14 + (i * (width - 28)) / Math.max(pages.length - 1, 1);
  const y = (page) => 76 - (page.corrected / most) * 56;
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const told = pages.map((page) => `${page.corrected} of ${page.lines} on ${page.page}`);
  picture.setAttribute("aria-label", `Corrected lines: ${told.join(", ")}`);
  const draw = (name, attributes, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const points = pages.map((page, i) => `${x(i)},${y(page)}`).join(" ");
  picture.replaceChildren(
    draw("line", { x1: 8, x2: width - 8, y1: 76.5, y2: 76.5 }),
    draw("polyline", { points }),
    ...pages.flatMap((page, i) => [
      draw("circle", { cx: x(i), cy: y(page), r: 3 }),
      draw("text", { x: x(i), y: y(page) - 6 }, String(page.corrected)),
    ]),
    draw("text", { x: width / 2, y: 88 }, "corrections on each page read")
  );
}

// Which key does what. The sheet of keys is made of the same table, so it cannot be wrong.

export const LABEL_KEYS = {
  body: "b", title: "t", meta: "m", nav: "n", comment: "c", ad: "a", teaser: "e", notice: "o",
  "?": "u",
};

export const KEYS = [
  ["up", ["ArrowUp"], "one line up; with shift, extend the range"],
  ["down", ["ArrowDown"], "one line down; with shift, extend the range"],
  ["pageUp", ["PageUp"], "a screen up"],
  ["pageDown", ["PageDown"], "a screen down"],
  ["first", ["Home"], "the first line"],
  ["last", ["End"], "the last line"],
  ["all", ["Ctrl+a"], "all lines"],
  ["doubt", [" ", "d"], "the next line that the model doubts; with shift, the one before"],
  ["confirm", ["Enter"], "the guess is right: set it, and go on"],
  ["everywhere", ["="], "set all lines with this text, on all pages, like this line"],
  ["same", ["s"], "set lines with the same text together, or not"],
  ["forget", ["Backspace"], "make the lines guesses again"],
  ["undo", ["z", "Ctrl+z"], "undo"],
  ["redo", ["y", "Ctrl+y", "Ctrl+Z"], "redo"],
  ["accept", ["x"], "accept what is left on this page"],
  ["read", ["r"], "the page is read: accept what is left, and learn from it; again: it is not"],
  ["go", ["g"], "the next page: the one that teaches most"],
  ["kind", ["k"], "the kind of the page"],
  ["fold", ["f"], "fold long lines, or not"],
  ["original", ["v"], "view the original page beside the lines"],
  ["rules", ["h"], "the rules of the labels, with examples"],
  ["keys", ["?"], "this sheet"],
];

const byKey = new Map();
for (const [action, keys] of KEYS) for (const key of keys) byKey.set(key, [action]);
for (const [label, key] of Object.entries(LABEL_KEYS)) byKey.set(key, ["label", label]);
Object.keys(LABEL_KEYS).forEach((label, i) => byKey.set(String(i + 1), ["label", label]));

// [action, label] of a key, or undefined. On keyboards without Latin letters, the place of the key
// counts.
export function actionOf(event) {
  let key = event.key;
  if (key.length === 1 && key > "~") {
    const place = /^(?:Key|Digit)(.)$/.exec(event.code);
    if (place) key = event.shiftKey ? place[1] : place[1].toLowerCase();
  }
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) return byKey.get("Ctrl+" + key);
  return byKey.get(key) || byKey.get(key.toLowerCase());
}

export function keyName(key) {
  return { " ": "space", ArrowUp: "↑", ArrowDown: "↓" }[key] || key;
}

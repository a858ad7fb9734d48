// Talks to the program that serves this page. All addresses are relative: the secret of the printed
// address is part of them.

async function answerOf(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error(
      "The program does not answer. Start it again (clutter annotate -o FOLDER) and open the new " +
        "address: all that was shown as saved is in the files."
    );
  }
  const type = response.headers.get("content-type") || "";
  const answer = type.includes("json") ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export function get(path) {
  return answerOf(fetch(path));
}

let last = Promise.resolve();
let waiting = 0;

// Changes are sent one after the other, so that they are made in the order of the keys.
export function send(path, fields = {}) {
  waiting += 1;
  const options = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  };
  const answer = last.then(() => answerOf(fetch(path, options)));
  last = answer.catch(() => {}).finally(() => (waiting -= 1));
  return answer;
}

export function isSaving() {
  return waiting > 0;
}

// Resolved when all changes so far are answered.
export function saved() {
  return last;
}

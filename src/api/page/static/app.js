"use strict";
// No build step, no library: what the page does is what stands here.

const $ = (id) => document.getElementById(id);
const STORE = "reviews.recent", SHOWN = 40, KEPT = 12, CUT_AT = 60, MANY_UNKNOWN = 0.3, AGAIN_SECONDS = 5;
let language = "English", judged = "";

async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  const key = sessionStorage.getItem("reviews.key");
  if (key) headers.authorization = `Bearer ${key}`;
  const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The service does not answer. Is it running?"); }
  const found = await answer.json().catch(() => ({}));
  if (answer.status === 401) { $("key").hidden = false; $("apikey").focus(); }
  if (!answer.ok) throw Object.assign(new Error(found.detail || `The service answered ${answer.status}.`),
    { status: answer.status, wait: Number(answer.headers.get("retry-after")) });
  return found;
}

function complain(error) { $("problem").textContent = error ? error.message : ""; $("problem").hidden = !error; }

async function showModel() {
  try {
    const model = await ask("api/v1/model");
    const rows = model.metrics.rows ? `${model.metrics.rows.toLocaleString()} test rows` : "its test rows";
    const accuracy = model.metrics.accuracy ? `, right on ${(100 * model.metrics.accuracy).toFixed(1)} % of ${rows}` : "";
    const caveat = model.generated_data ? ", which are generated: of real reviews that says nothing" : "";
    $("model").textContent = `${model.name}, version ${model.version}${accuracy}${accuracy && caveat}`;
    $("card").hidden = !model.card;
    language = model.language;
  } catch (error) {
    $("model").textContent = error.message;
    if (error.status !== 401) setTimeout(showModel, 1000 * (error.wait || AGAIN_SECONDS));
  }
}

async function judge() {
  complain(null);
  const review = { title: $("title").value, message: $("message").value };
  try {
    const found = await ask("api/v1/predict?explain=true", review);
    show(found);
    remember(review, found);
  } catch (error) { $("result").hidden = true; complain(error); }
}

function show(found) {
  const unknown = found.label === "undecided", sure = `${(100 * found.confidence).toFixed(1)} % sure`;
  $("verdict").textContent = unknown ? "undecided: the model knows no word of it" : verdict(found, sure);
  $("bar").style.width = `${100 * found.probability}%`;
  $("abstained").hidden = unknown || !found.abstained;
  const hints = [];
  if (!unknown && found.unknown_share > MANY_UNKNOWN) hints.push(`${(100 * found.unknown_share).toFixed(0)} % of its words are unknown to the model.`);
  if (found.other_language) hints.push(`It does not look ${language}, which the model was made for.`);
  $("hints").textContent = hints.join(" ");
  $("hints").hidden = !hints.length;
  judged = found.request_id;
  $("thanks").textContent = "";
  press(null);
  const { title, message, contributions } = found.explanation;
  $("words").replaceChildren(marked("title", title, contributions), marked("message", message, contributions));
  $("parts").replaceChildren(...contributions.slice(0, SHOWN).map(({ ngram, weight }) => {
    const row = document.createElement("tr");
    for (const text of [ngram, weight.toFixed(3)]) row.append(Object.assign(document.createElement("td"), { textContent: text }));
    return row;
  }));
  $("result").hidden = false;
}

const press = (label) => document.querySelectorAll("#feedback button")
  .forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.label === label)));

async function tell(label) {
  try {
    const said = await ask("api/v1/feedback", { request_id: judged, label });
    press(label);
    $("thanks").textContent = said.known ? "Written down, thank you." : "Written down, but the service no longer knows this prediction.";
  } catch (error) { $("thanks").textContent = error.message; }
}

function verdict({ label, abstained }, sure) {
  return abstained && label !== "undecided" ? `undecided, leans ${label} (${sure})` : `${label}, ${sure}`;
}

// An n-gram's weight is shared out among its occurrences and their characters; a character shows what it gathers.
// Places count whole characters, as the service does, not the halves that JavaScript splits some of them into.
function marked(field, text, contributions) {
  const characters = Array.from(text), weights = new Float64Array(characters.length);
  for (const { weight, occurrences } of contributions) {
    for (const place of occurrences) {
      if (place.field !== field) continue;
      const share = weight / occurrences.length / (place.end - place.start);
      for (let at = place.start; at < place.end; at += 1) weights[at] += share;
    }
  }
  const box = Object.assign(document.createElement("span"), { className: field });
  let start = 0;
  while (start < characters.length) {
    let end = start + 1;
    while (end < characters.length && weights[end] === weights[start]) end += 1;
    const piece = document.createElement("span"), weight = weights[start] * (end - start);
    piece.textContent = characters.slice(start, end).join("");
    if (Math.abs(weight) > 0.05) {
      const strength = Math.min(Math.abs(weight) / 2.5, 1) * 0.55;
      piece.className = weight > 0 ? "for" : "against";
      piece.style.backgroundColor = `rgba(var(--${piece.className}), ${strength.toFixed(2)})`;
      piece.title = `${weight > 0 ? "+" : ""}${weight.toFixed(2)}`;
    }
    box.append(piece);
    start = end;
  }
  return box;
}

function recent() { try { return JSON.parse(localStorage.getItem(STORE)) || []; } catch { return []; } }

function remember(review, found) {
  const same = (other) => other.title === review.title && other.message === review.message;
  const entry = { ...review, label: found.label, confidence: found.confidence, abstained: found.abstained };
  try { localStorage.setItem(STORE, JSON.stringify([entry, ...recent().filter((r) => !same(r))].slice(0, KEPT))); } catch { /* full */ }
  showRecent();
}

function showRecent() {
  const entries = recent();
  $("history").replaceChildren(...entries.map((entry) => {
    const item = document.createElement("li"), again = document.createElement("button");
    again.type = "button";
    const said = entry.title || entry.message;
    again.textContent = said.length > CUT_AT ? `${said.slice(0, CUT_AT)}…` : said;
    again.addEventListener("click", () => fill(entry));
    item.append(again, ` ${verdict(entry, `${(100 * entry.confidence).toFixed(1)} %`)}`);
    return item;
  }));
  $("nohistory").hidden = entries.length > 0;
  $("forget").hidden = entries.length === 0;
}

function fill({ title, message }) {
  $("title").value = title;
  $("message").value = message;
  judge();
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); judge(); });
$("form").addEventListener("reset", () => { $("result").hidden = true; complain(null); });
$("message").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) judge(); });
$("apikey").addEventListener("change", () => { sessionStorage.setItem("reviews.key", $("apikey").value); showModel(); judge(); });
document.querySelectorAll("#feedback button").forEach((b) => b.addEventListener("click", () => tell(b.dataset.label)));
$("forget").addEventListener("click", () => { localStorage.removeItem(STORE); showRecent(); });
document.querySelectorAll(".example").forEach((b) => b.addEventListener("click", () => fill(b.dataset)));
showRecent();
showModel();

"use strict";
// A file of reviews: read here, its columns chosen, judged in parts, and given back with what was said.

const ROWS = 500, FIRST = 5, SHOWN_ERRORS = 5, CUT = 160, LOOKED_AT = 100;
const TITLES = ["title", "headline", "summary", "subject", "titulo", "título"];
const TEXTS = ["text", "message", "review", "body", "content", "reviewtext", "review text", "comment", "texto"];
const LABELS = ["label", "polarity", "stars", "rating", "score", "sentiment"];
const NAME_LENGTH = 40;
const ADDED = ["label", "probability", "abstained", "model_version", "error"];
let table = null, going = false;

// RFC 4180: quoted fields may hold separators, line breaks and doubled quotes.
function parseCsv(text, separator) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; } else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) { row.push(cell); cell = ""; } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[at + 1] === "\n") at += 1;
      row.push(cell);
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = []; cell = "";
    } else cell += c;
  }
  if (cell !== "" || row.length) { row.push(cell); rows.push(row); }
  return rows;
}

function separatorOf(text) {
  const [head] = text.replaceAll(/"[^"]*"/g, "").split(/\r?\n/, 1);
  return [",", "\t", ";"].reduce((best, each) => head.split(each).length > head.split(best).length ? each : best);
}

const quote = (value, separator) => value.includes(separator) || /["\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
const made = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
const counted = (number, what) => `${number.toLocaleString()} ${what}${number === 1 ? "" : "s"}`;

function refuse(text) { $("fileproblem").textContent = text; $("fileproblem").hidden = !text; }

// UTF-8 or UTF-16, and otherwise what spreadsheets of the West write; which one it was is said.
function decoded(bytes) {
  const marks = [["utf-16le", 0xFF, 0xFE], ["utf-16be", 0xFE, 0xFF], ["utf-8", 0xEF, 0xBB]];
  const [kind] = marks.find(([, first, second]) => bytes[0] === first && bytes[1] === second) || [];
  $("encoding").hidden = true;
  try { return [new TextDecoder(kind || "utf-8", { fatal: true }).decode(bytes), Boolean(kind)]; } catch { /* another one */ }
  $("encoding").hidden = false;
  return [new TextDecoder("windows-1252").decode(bytes), true];
}

async function open(file) {
  refuse("");
  for (const id of ["preview", "batch"]) $(id).hidden = true;
  let text, marked;
  try { [text, marked] = decoded(new Uint8Array(await file.arrayBuffer())); } catch { refuse("The file cannot be read."); return; }
  if (/^\s*[[{]|\0/.test(text)) { refuse("This is no CSV: a file of lines with cells between commas, semicolons or tabs."); return; }
  const separator = separatorOf(text), lines = parseCsv(text, separator);
  if (!lines.length) { refuse("The file is empty."); return; }
  table = { name: file.name, separator, lines, marked };
  $("hasheader").checked = looksLikeNames(lines[0]);
  arrange();
}

// One usual name is enough; without any, short cells that are no numbers may well be names.
function looksLikeNames(cells) {
  const plain = cells.map((cell) => cell.trim().toLowerCase());
  if (plain.some((cell) => [...TITLES, ...TEXTS, ...LABELS].includes(cell))) return true;
  return table.lines.length > 1 && plain.every((cell) => cell.length < NAME_LENGTH && !/[.!?]|^[\d.,]*$/.test(cell));
}

// The data set's own files have no header: label (1 or 2), title, text.
const isAmazons = (lines) => lines.slice(0, LOOKED_AT).every((row) => row.length === 3 && /^[12]$/.test(row[0].trim()));

// What the lines are, now that it is known, or was said, whether the first holds the names.
function arrange() {
  const named = $("hasheader").checked, [first] = table.lines;
  const head = first.map((name, place) => (named && name.trim()) || `column ${place + 1}`);
  table = { ...table, head, named, rows: named ? table.lines.slice(1) : table.lines };
  const at = (names) => head.findIndex((h) => names.includes(h.trim().toLowerCase()));
  const [title, text] = !named && isAmazons(table.lines) ? [1, 2] : [at(TITLES), at(TEXTS)];
  choices($("titlecolumn"), head, title);
  choices($("textcolumn"), head, text);
  $("preview").hidden = false;
  preview();
}

function choices(select, head, chosen) {
  const options = [new Option("none", -1), ...head.map((name, place) => new Option(name, place))];
  select.replaceChildren(...options);
  select.value = String(chosen);
}

const columns = () => [$("titlecolumn").value, $("textcolumn").value];
const reviewOf = (row, [title, text]) => ({ title: row[title] ?? "", message: row[text] ?? "" });

function preview() {
  const chosen = columns();
  $("firsthead").replaceChildren(...["row", ...table.head].map((name) => {
    const cell = made("th", name);
    cell.scope = "col";
    return cell;
  }));
  $("firstrows").replaceChildren(...table.rows.slice(0, FIRST).map((row, number) => {
    const line = document.createElement("tr");
    line.append(made("td", String(number + 1)), ...table.head.map((_, place) => {
      const cell = made("td", (row[place] ?? "").slice(0, CUT));
      cell.className = chosen.includes(String(place)) ? "chosen" : "quiet";
      return cell;
    }));
    return line;
  }));
  const some = chosen.some((place) => place >= 0);
  $("start").textContent = `Judge ${counted(table.rows.length, "row")}`;
  $("start").disabled = !some || !table.rows.length;
  refuse(!table.rows.length ? "The file has no rows below its header." : some ? "" : "Choose which column holds the reviews.");
}

// Waits as long as it was asked to, or until somebody stops it.
async function pause(seconds) {
  const until = Date.now() + 1000 * seconds;
  while (going && Date.now() < until) await new Promise((go) => setTimeout(go, 200));
}

async function judgeAll({ lines: [first], head, named, rows, separator, name }) {
  const chosen = columns();
  going = true;
  $("file").disabled = true; // another file would have other columns
  $("preview").hidden = true;
  $("batch").hidden = false;
  for (const id of ["download", "errors", "shares"]) $(id).hidden = true;
  $("cancel").hidden = false;
  const lines = [[...(named ? first : head.map((column) => column.replace(" ", "_"))), ...ADDED]], seen = { positive: 0, negative: 0, undecided: 0 }, errors = [];
  let done = 0, ended = "";
  while (done < rows.length && going && !ended) {
    const some = rows.slice(done, done + ROWS);
    let found;
    try { found = await ask("api/v1/predict/batch", { reviews: some.map((row) => reviewOf(row, chosen)) }); } catch (error) {
      if (error.status === 429) { await pause(error.wait || 1); continue; }
      ended = error.message;
      break;
    }
    found.results.forEach((result, place) => {
      lines.push([...some[place], ...Array(Math.max(head.length - some[place].length, 0)).fill(""),
        ...ADDED.map((field) => String(result[field] ?? ""))]);
      if (result.error) errors.push(`Row ${(done + place + 1).toLocaleString()}: ${result.error}`);
      else seen[result.abstained ? "undecided" : result.label] += 1;
    });
    done += some.length;
    $("progress").value = done / rows.length;
    $("batchtext").textContent = `${done.toLocaleString()} of ${rows.length.toLocaleString()} rows judged`;
  }
  if (ended) $("batchtext").textContent = `Stopped after ${counted(done, "row")}: ${ended}`;
  else if (!going) $("batchtext").textContent = `${counted(done, "row")} of ${rows.length.toLocaleString()} judged, then stopped`;
  going = false;
  $("file").disabled = false;
  $("cancel").hidden = true;
  if (done) { summarise(seen, errors); offer(lines, separator, name); }
}

function summarise(seen, errors) {
  const total = seen.positive + seen.negative + seen.undecided;
  const share = (label) => `${seen[label].toLocaleString()} ${label} (${(100 * seen[label] / total).toFixed(1)} %)`;
  $("shares").replaceChildren(...(total ? Object.keys(seen) : []).filter((label) => seen[label]).map((label) => {
    const part = made("span", share(label));
    part.className = label;
    part.style.flexGrow = seen[label];
    return part;
  }));
  $("shares").hidden = !total;
  const more = errors.length - SHOWN_ERRORS;
  const shown = [`${counted(errors.length, "row")} could not be judged; the column error says why`, ...errors.slice(0, SHOWN_ERRORS)];
  if (more > 0) shown.push(`and ${more.toLocaleString()} more`);
  $("errors").replaceChildren(...shown.map((text) => made("li", text)));
  $("errors").hidden = !errors.length;
}

// Spreadsheets take UTF-8 for what it is where a mark begins it; one is given where the upload was not plain UTF-8.
function offer(lines, separator, name) {
  const mark = table.marked ? "\uFEFF" : "", text = lines.map((line) => line.map((value) => quote(value, separator)).join(separator)).join("\r\n");
  URL.revokeObjectURL($("download").href);
  $("download").href = URL.createObjectURL(new Blob([`${mark}${text}\r\n`], { type: "text/csv" }));
  $("download").download = `scored-${name}`;
  $("download").hidden = false;
}

$("file").addEventListener("click", () => { $("file").value = ""; }); // the same file again is a file too
$("file").addEventListener("change", () => { if ($("file").files.length) open($("file").files[0]); });
$("start").addEventListener("click", () => judgeAll(table));
$("cancel").addEventListener("click", () => { going = false; });
$("hasheader").addEventListener("change", arrange);
for (const id of ["titlecolumn", "textcolumn"]) $(id).addEventListener("change", preview);

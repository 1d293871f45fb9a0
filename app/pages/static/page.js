// Makes the pages livelier; without it they do all that they do, by forms and links alone.

const find = (selector, within = document) => within.querySelector(selector);
const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

function say(text) {
  const region = find("#said");
  if (region && text) region.textContent = text;
}

// Times of day as the visitor's clock has them.
function localTimes(within = document) {
  for (const time of findAll("time[datetime]", within)) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = at.toLocaleString();
  }
}

// Copying. Where the page is not on https or this machine, browsers have no clipboard to write to.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  const label = button.firstChild;
  label.data = "Copied";
  say("Copied");
  setTimeout(() => (label.data = "Copy"), 2000);
}

function enliven(within = document) {
  localTimes(within);
  for (const button of findAll("[data-copy]", within)) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

// ---- A job that is still going on ----

// The server has the words: whenever the job moves, its page is fetched and the news are taken over.
function follow(main) {
  let announced = -1;
  let last = 0;
  let due = null;
  let asking = null;
  let over = false;
  let source = null;

  function announce(state, fresh) {
    const percent = Number(find("#live progress", fresh)?.value ?? 100);
    const quarter = Math.floor(percent / 25);
    if (state !== main.dataset.state) return say(find("#title", fresh)?.textContent);
    if (quarter > announced) say(`${25 * quarter} % done`);
    announced = Math.max(announced, quarter);
  }

  function end() {
    over = true;
    source?.close();
    clearTimeout(due);
  }

  async function look() {
    due = null;
    last = Date.now();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    const text = answer?.status < 500 ? await answer.text().catch(() => "") : "";
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = find("main", page);
    // An answer that was long under way must not take the place of the end.
    if (over || !fresh) return soon(2000);
    announce(fresh.dataset.state, fresh);
    document.title = page.title;
    main.dataset.state = fresh.dataset.state ?? "";
    if (fresh.dataset.events) {
      find("#live").replaceChildren(...find("#live", fresh).childNodes);
      find("form button", main).textContent = find("form button", fresh).textContent;
      return;
    }
    const held = main.contains(document.activeElement) && document.activeElement !== main;
    main.replaceChildren(...fresh.childNodes);
    enliven(main);
    if (held) (find("#title", main) ?? main).focus();
    end();
  }

  // Not more often than a reader could follow.
  function soon(gap = 400) {
    if (due === null && !over) due = setTimeout(look, Math.max(0, last + gap - Date.now()));
  }

  // Where no stream tells.
  function poll() {
    clearTimeout(asking);
    if (over || (source && source.readyState !== EventSource.CLOSED)) return;
    soon(0);
    asking = setTimeout(poll, 2000);
  }

  function listen() {
    source = new EventSource(main.dataset.events);
    for (const kind of ["progress", "state", "certificate", "message"]) {
      source.addEventListener(kind, () => soon());
    }
    // The browser tries again by itself, unless the stream is refused for good.
    source.addEventListener("error", poll);
    source.addEventListener("open", () => soon());
  }

  // A browser opens six connections to a server: tabs that nobody sees must not hold them all.
  function attend() {
    source?.close();
    if (document.hidden) poll();
    else if (!over) listen();
  }

  attend();
  document.addEventListener("visibilitychange", attend);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && attend());
}

// ---- The form ----

const whole = (number) => Math.round(number).toLocaleString("en");

function duration(seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const round = Math.round(seconds);
  const rest = round % 60 ? ` ${round % 60} s` : "";
  if (seconds < 599.5) return `${Math.floor(round / 60)} min${rest}`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3570) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

// One standard normal number (Box and Muller, 1958).
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function drawNoise(image, canvas, sigma) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const side = Math.min(image.naturalWidth, image.naturalHeight);
  const [left, top] = [(image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2];
  context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
  const picture = context.getImageData(0, 0, canvas.width, canvas.height);
  picture.data.forEach((value, i) => {
    if (i % 4 < 3) picture.data[i] = value + 255 * sigma * normal();
  });
  context.putImageData(picture, 0, 0);
}

function enlivenForm(form) {
  const file = find("#image");
  const drop = find("#drop");
  const preview = find("#preview");
  const chosen = find("#chosen");
  const value = (name) => find(`[name=${name}]:checked`, form)?.value;
  const model = () => find("#model").selectedOptions[0];
  findAll(".live-only", form).forEach((part) => (part.hidden = false));

  function problem(text) {
    const section = document.createElement("section");
    section.className = "card problem";
    section.tabIndex = -1;
    const words = document.createElement("p");
    words.textContent = text;
    section.append(words);
    find("#problems").replaceChildren(section);
    section.focus();
  }

  function noise() {
    if (!preview.hidden && chosen.naturalWidth) drawNoise(chosen, find("#noised"), Number(value("sigma")));
  }

  function show() {
    URL.revokeObjectURL(chosen.src);
    const picked = file.files[0];
    preview.hidden = !picked;
    if (!picked) return;
    chosen.src = URL.createObjectURL(picked);
    chosen.alt = `The chosen image, ${picked.name}`;
    find("[name=source][value=file]", form).checked = true;
    if (picked.size > Number(form.dataset.maxBytes)) problem(`Image: at most ${form.dataset.maxSize}, please.`);
    else find("#problems").replaceChildren();
  }

  function take(files) {
    const image = [...files].find((each) => each.type.startsWith("image/"));
    if (!image) return problem("That is no picture that this browser knows. PNG, JPEG or WebP, please.");
    const transfer = new DataTransfer();
    transfer.items.add(image);
    file.files = transfer.files;
    show();
    say(`Chosen: ${image.name}`);
  }

  chosen.addEventListener("load", noise);
  chosen.addEventListener("error", () => (preview.hidden = true));
  file.addEventListener("change", show);
  for (const radio of findAll("[name=source]", form)) {
    radio.addEventListener("change", () => {
      if (radio.value === "file") return;
      file.value = "";
      show();
    });
  }
  // Text may be dragged into the fields that take it.
  const isText = ({ target, dataTransfer }) =>
    target.closest?.("[inputmode]") && !dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (isText(event)) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    if (isText(event)) return;
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });

  function expect() {
    const mode = find("[name=mode]:checked", form);
    const speed = Number(model()?.dataset.speed);
    const n = Number(find("#n").value.replaceAll(",", "")) || Number(mode?.dataset.n);
    if (!mode || !speed || !n) return;
    const time = `${duration(n / speed)} at ${whole(speed)} draws a second`;
    const most = `At most ${whole(n)} draws, ${time}; usually far fewer.`;
    const all = `${whole(n)} draws, about ${time}.`;
    find("#expected").textContent = (mode.dataset.atMost ? most : all) + model().dataset.waiting;
  }

  function offerSigmas() {
    const sigmas = model()?.dataset.sigmas.split(" ") ?? [];
    for (const radio of findAll("[name=sigma]", form)) {
      radio.closest("label").hidden = !sigmas.includes(radio.value);
    }
    if (!sigmas.includes(value("sigma"))) find(`[name=sigma][value="${sigmas[0]}"]`, form)?.click();
    for (const about of findAll("[data-model]", form)) about.hidden = about.dataset.model !== model()?.value;
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "model") offerSigmas();
    if (event.target.name === "sigma") noise();
    if (["mode", "n", "model"].includes(event.target.name)) expect();
  });

  // Sent from here, so that a chosen file is not lost when something has to be corrected.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("#go");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Sending…";
    say("Sending");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      if (answer.redirected && answer.ok) return location.assign(answer.url);
      correct(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      problem("The service does not answer. Is it running, and are you online?");
    }
    button.removeAttribute("aria-disabled");
    button.textContent = "Certify";
  });

  function correct(page) {
    const fresh = find("#problems", page);
    if (!fresh) return problem("The service gave an answer that is none.");
    find("#lost", fresh)?.remove();
    find("#problems").replaceChildren(...fresh.childNodes);
    const question = find("#question", page);
    if (question) {
      for (const old of findAll(".fault", form)) old.remove();
      for (const marked of findAll("[aria-invalid]", form)) marked.removeAttribute("aria-invalid");
      for (const fault of findAll(".fault", page)) {
        const name = fault.id.replace(/-fault.*/, "");
        const field = document.getElementById(name);
        (field?.closest(".field, .drop, .modes") ?? form).append(fault);
        field?.setAttribute("aria-invalid", "true");
        const hints = [`${name}-hint`, fault.id].filter((id) => document.getElementById(id));
        field?.setAttribute("aria-describedby", hints.join(" "));
        if (field?.closest("#advanced")) find("#advanced").open = true;
      }
    }
    document.title = page.title;
    find("#problems section")?.focus();
  }

  addEventListener("pageshow", () => {
    const button = find("#go");
    button.removeAttribute("aria-disabled");
    button.textContent = "Certify";
    show();
    offerSigmas();
    expect();
    // What a browser brought back is to be seen.
    if (findAll("#advanced input").some((each) => each.value)) find("#advanced").open = true;
  });
}

enliven();
const main = find("main");
if (main?.dataset.events) follow(main);
const form = find("#ask");
if (form) enlivenForm(form);

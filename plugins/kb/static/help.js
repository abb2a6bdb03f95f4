// The help centre works without this. With it: search as one types, and a vote without leaving the page.
const WAIT = 180; // ms after a key
const SETTLED = 1800; // ms after which somebody meant what stands there

for (const form of document.querySelectorAll("[data-finder]")) {
  const input = form.elements.q;
  const hits = form.querySelector("[data-hits]");
  let timer, settled, asked = 0;

  async function look(meant) {
    const number = ++asked;
    const words = input.value.trim();
    if (!words) return hits.replaceChildren();
    const query = new URLSearchParams({ q: input.value, part: "hits" });
    if (meant) query.set("settled", "1");
    const answer = await fetch(`${form.dataset.finder}?${query}`).catch(() => null);
    if (number !== asked || !answer?.ok) return; // a later key was faster, or there is no network: Enter still works
    show(hits, await answer.text());
    if (!meant && !hits.querySelector("a[href]")) settled = setTimeout(() => look(true), SETTLED);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    clearTimeout(settled);
    timer = setTimeout(look, WAIT);
  });
  form.addEventListener("keydown", (event) => {
    const links = [...hits.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") { input.value = ""; hits.replaceChildren(); input.focus(); }
    if (!step || !links.length) return;
    event.preventDefault();
    const place = links.indexOf(document.activeElement) + step;
    (links[place] ?? (place < 0 ? input : links.at(-1))).focus();
  });
}

for (const box of document.querySelectorAll("[data-vote]")) {
  box.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = new URLSearchParams(new FormData(event.target));
    if (event.submitter?.name) values.set(event.submitter.name, event.submitter.value);
    const answer = await fetch(event.target.action, { method: "POST", body: values, headers: { "X-Part": "1" } });
    if (!answer.ok) return event.target.submit();
    show(box, await answer.text());
    box.querySelector("textarea")?.focus();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea") || event.ctrlKey || event.metaKey) return;
  const input = document.querySelector("input[name=q]");
  if (input) { event.preventDefault(); input.focus(); }
});

function show(place, html) {
  place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

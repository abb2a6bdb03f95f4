// `@` in a note: colleagues who may see the ticket, to choose from. Asked once for each ticket.
import { complete } from "./completion.js";

const MOST = 8;
const asked = new Map();

async function colleagues(number) {
  if (!asked.has(number)) {
    asked.set(number, fetch(`/tickets/${number}/mentionable`).then((answer) => (answer.ok ? answer.json() : [])).catch(() => []));
  }
  return asked.get(number);
}

function fits(name, query) {
  const wanted = query.toLowerCase();
  return [name, ...name.split(/\s+/)].some((each) => each.toLowerCase().startsWith(wanted));
}

export function startMentions() {
  document.addEventListener("focusin", (event) => {
    const box = event.target.closest?.("mail-composer .editor");
    if (!box || box.dataset.mentions) return;
    box.dataset.mentions = "1";
    const composer = box.closest("mail-composer");
    const number = () => document.getElementById("pane")?.dataset.number;
    complete(box, {
      trigger: "@",
      label: document.getElementById("presence-words").dataset.colleagues,
      isOn: () => composer.dataset.kind === "note" && Boolean(number()),
      source: async (query) => (await colleagues(number())).filter((each) => fits(each.title, query)).slice(0, MOST),
      choose: (item) => {
        const name = document.createElement("b");
        name.textContent = `@${item.title}`;
        composer.insert(`${name.outerHTML}&nbsp;`);
      },
    });
  });
}

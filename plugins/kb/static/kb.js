// The editor: buttons that write Markdown, and pictures by choosing, pasting or dropping them.
const area = document.getElementById("body");
const token = document.querySelector("meta[name=csrf-token]")?.content;

const SHAPES = {
  bold: ["**", "**"], italic: ["*", "*"], link: ["[", "](https://)"],
  heading: ["\n## ", "\n"], list: ["\n- ", "\n"], quote: ["\n> ", "\n"],
  table: ["\n| ", " | |\n| --- | --- |\n| | |\n"],
};

function write(before, after = "") {
  const { selectionStart: start, selectionEnd: end } = area;
  const chosen = area.value.slice(start, end) || (before.includes("!") ? "" : area.dataset.words);
  area.setRangeText(before + chosen + after, start, end, "end");
  if (after) area.setSelectionRange(start + before.length, start + before.length + chosen.length);
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

async function upload(file) {
  const said = document.querySelector("[data-said]");
  const values = new FormData();
  values.set("image", file);
  values.set("article", area.dataset.article);
  said.textContent = area.dataset.loading;
  const answer = await fetch(area.dataset.images, { method: "POST", body: values, headers: { "X-CSRFToken": token } });
  const facts = await answer.json().catch(() => ({}));
  said.textContent = facts.error ?? "";
  if (facts.markdown) write(`\n${facts.markdown}\n`);
}

if (area) {
  const input = area.form.elements.image;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-markdown]");
    if (button) write(...SHAPES[button.dataset.markdown]);
  });
  input.addEventListener("change", async () => {
    for (const file of [...input.files]) await upload(file);
    input.value = "";
  });
  for (const [kind, where] of [["paste", "clipboardData"], ["drop", "dataTransfer"]]) {
    area.addEventListener(kind, (event) => {
      const pictures = [...(event[where]?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (pictures.length) { event.preventDefault(); pictures.forEach(upload); }
    });
  }
}

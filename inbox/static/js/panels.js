// Panels that a plugin loads after the page was drawn: when one cannot be loaded, it says so and offers to try again.
function failed(panel) {
  const words = document.createElement("p");
  words.className = "soft failed";
  words.textContent = `${panel.dataset.failed} `;
  const again = document.createElement("button");
  again.className = "btn s";
  again.type = "button";
  again.textContent = panel.dataset.retry;
  again.addEventListener("click", () => htmx.trigger(panel, "retry"));
  words.append(again);
  panel.querySelector(":scope > .failed")?.remove();
  if (panel.matches(".known")) panel.append(words); // what was known when the page was drawn is still worth reading
  else panel.replaceChildren(words);
}

export function startPanels() {
  for (const name of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(name, (event) => {
      const panel = event.detail.ctx?.sourceElement;
      if (panel?.matches(".lazy-panel") && !(event.detail.ctx.response?.status < 500)) failed(panel);
    });
  }
}

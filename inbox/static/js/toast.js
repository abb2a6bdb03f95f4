// What was sent just now, and can still be undone: a ring that runs out, and Ctrl-Z while nothing is typed.
const CIRCUMFERENCE = 100;
const TICK = 250;

class UndoToast extends HTMLElement {
  connectedCallback() {
    this.ends = performance.now() + Number(this.dataset.left) * 1000;
    this.timer = setInterval(() => this.tick(), TICK);
    this.querySelector("form").addEventListener("submit", () => { this.asked = true; });
    this.tick();
  }

  disconnectedCallback() { clearInterval(this.timer); }

  tick() {
    const left = (this.ends - performance.now()) / 1000;
    if (left <= 0 && !this.asked) { this.remove(); return; }
    this.querySelector(".ring").style.setProperty("--v", Math.max(0, CIRCUMFERENCE * left / Number(this.dataset.of)));
    this.querySelector(".count").textContent = `${Math.max(0, Math.ceil(left))} s`;
  }
}

export function startToasts() {
  customElements.define("undo-toast", UndoToast);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable=true]")) return; // there it undoes typing
    const newest = document.querySelector("#toasts undo-toast:last-of-type button");
    if (newest) { event.preventDefault(); newest.click(); }
  });
  // What is undone or over is not shown any more, whatever the server still answers; but after the answer was put in, which
  // is given up when the form that asked is gone.
  document.addEventListener("htmx:finally:request", (event) => {
    event.detail.ctx?.sourceElement?.closest?.("undo-toast")?.remove();
  });
}

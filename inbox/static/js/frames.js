// Mail bodies in frames: the frame grows to its content, and the height is remembered for the next time.
import { post } from "./post.js";

class MailBody extends HTMLElement {
  connectedCallback() {
    this.frame = this.querySelector("iframe");
    if (!this.frame) return;
    this.frame.addEventListener("load", () => this.fit(true));
    if (this.frame.contentDocument?.readyState === "complete") this.fit(true);
  }

  fit(remember) {
    const page = this.frame.contentDocument;
    if (!page?.body || page.URL === "about:blank") return;
    const height = Math.min(20000, Math.ceil(page.documentElement.getBoundingClientRect().height) + 2);
    if (Math.abs(height - Number(this.frame.height)) > 1) {
      this.frame.height = height;
      if (remember && this.dataset.heightUrl) post(this.dataset.heightUrl, { height });
    }
    for (const fold of page.querySelectorAll("details")) fold.ontoggle = () => this.fit(false);
    for (const image of page.images) if (!image.complete) image.onload = () => this.fit(false);
  }
}
customElements.define("mail-body", MailBody);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-load-images]");
  if (!button) return;
  const frame = button.closest(".body").querySelector("iframe");
  frame.src = button.dataset.loadImages;
  button.closest("p").hidden = true;
});

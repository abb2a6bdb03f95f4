// A text with formats in a form: the editor over the textarea of <rich-text>, its HTML in the field `html`.
import { Editor } from "./editor.js";

class RichText extends HTMLElement {
  connectedCallback() {
    if (this.editor) return;
    const area = this.querySelector("textarea");
    const html = this.querySelector("input[name=html]");
    this.classList.add("with-editor");
    area.required = false; // it is not seen any more: what is wrong with it would be said to nobody
    const label = document.querySelector(`label[for=${area.id}]`);
    this.editor = new Editor(area, this.querySelector("[role=toolbar]"), {
      label: label.textContent, upload: async () => null, attach: () => {}, changed: () => {},
    });
    if (html.value) this.editor.put(html.value); else this.editor.putText(area.value);
    label.addEventListener("click", () => this.editor.focus());
    area.form.addEventListener("submit", () => {
      html.value = this.editor.html;
      area.value = this.editor.text;
    });
  }

  disconnectedCallback() { this.editor?.leave(); }
}

customElements.define("rich-text", RichText);

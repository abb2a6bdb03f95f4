// The builder of views: a row that was changed is drawn anew by the desk, with what it finds.
export function startBuilder() {
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("[data-redraw]") && event.target.closest("#builder");
    if (form) htmx.trigger(form, "redraw");
  });
}

// Requests that change something: with the page's token, as a form.
export const token = document.querySelector("meta[name=csrf-token]").content;

export function post(url, values = {}, method = "POST") {
  const body = values instanceof FormData ? values : new URLSearchParams(values);
  return fetch(url, { method, body, headers: { "X-CSRFToken": token, "HX-Request": "true" }, keepalive: method === "PUT" });
}

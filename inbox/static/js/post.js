// Requests that change something: with the page's token, as a form.
const meta = document.querySelector("meta[name=csrf-token]");
export const csrf = { token: meta.content }; // of the page

export function post(url, values = {}, method = "POST") {
  const body = values instanceof FormData ? values : new URLSearchParams(values);
  const size = [...body.values()].reduce((sum, value) => sum + 3 * (value.length ?? value.size), 0); // at most, in bytes
  const keepalive = method === "PUT" && size < 60_000; // what outlives the page may not be larger
  return fetch(url, { method, body, headers: { "X-CSRFToken": csrf.token, "HX-Request": "true" }, keepalive });
}

// The same person has signed in again elsewhere: this page goes on with the new token. False when it must not.
export async function renewToken(writer) {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const fresh = page.querySelector("meta[name=csrf-token]")?.content;
  if (!fresh || page.querySelector("mail-composer")?.dataset.me !== writer.dataset.me) return false;
  for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = fresh;
  csrf.token = fresh;
  meta.content = fresh;
  return true;
}

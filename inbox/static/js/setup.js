// The set-up: the browser knows the time zone; offer it where none was chosen yet.
document.body.classList.add("js");

const zone = document.querySelector("select[data-own-zone]");
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && [...zone.options].some((option) => option.value === own)) zone.value = own;

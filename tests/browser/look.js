// What is wrong with the page as it stands, as sentences: for tests/browser/walk.py. A target may be small where nothing
// else is within 24 px (WCAG 2.5.8), where it stands in a sentence, and where more than is drawn of it takes a tap.
(isLoaded) => {
  const wrong = [];
  const name = (each) => `${each.localName}${each.id ? "#" + each.id : ""}.${[...each.classList].join(".")}`
    + ` "${(each.getAttribute("aria-label") || each.title || each.textContent).trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  const page = document.documentElement;
  if (page.scrollWidth > innerWidth) wrong.push(`the page is ${page.scrollWidth} px wide`);

  const scrolls = (each) => {
    for (let box = each.parentElement; box; box = box.parentElement)
      if (/auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth) return true;
    return false;
  };
  const dialog = document.querySelector("dialog:modal");
  const active = document.activeElement;
  if (active === document.body || !active) { if (!isLoaded) wrong.push("nothing has the focus"); }
  else if (active.localName !== "iframe") {
    const box = active.getBoundingClientRect();
    const colours = new Set(["--line", "--line-soft", "--field"].map((token) => {
      const probe = document.createElement("i");
      probe.style.color = `var(${token})`;
      document.body.append(probe);
      const colour = getComputedStyle(probe).color;
      probe.remove();
      return colour;
    }));
    const isMarked = (each) => {
      const style = getComputedStyle(each);
      return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
        || (each.matches(":focus-within") && ["Top", "Bottom"].some((side) => parseFloat(style[`border${side}Width`]) > 0 && !colours.has(style[`border${side}Color`])) && each.closest("form, label, dialog, .field, .text-row, li"));
    };
    let ring = false;
    for (let each = active, depth = 0; each && depth < 6 && each !== document.body; each = each.parentElement, depth += 1) ring ||= Boolean(isMarked(each));
    const isPlace = active.matches("#pane, #list, #main, #thread, dialog");
    if (!ring && !isPlace && active.matches(":focus-visible")) wrong.push(`no ring around ${name(active)}`);
    if (box.width === 0) wrong.push(`the focus is on what is not shown: ${name(active)}`);
    else if (!isPlace) {
      const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1), y = box.top + Math.min(box.height / 2, 40);
      if (box.right < 1 || box.left > innerWidth - 1 || y < 0 || y > innerHeight) wrong.push(`the focus is out of sight: ${name(active)} at ${Math.round(box.left)},${Math.round(box.top)}`);
      else {
        const hit = document.elementFromPoint(x, y);
        if (hit && hit !== active && !active.contains(hit) && !hit.closest("label")?.contains(active) && !hit.contains(active)) wrong.push(`the focus is covered: ${name(active)} by ${name(hit)}`);
      }
    }
  }

  const targets = [...document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden]), [role=option], [contenteditable=true]")]
    .filter((each) => (!dialog || dialog.contains(each)) && !each.closest(".hidden, .skip") && each.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .map((each) => ({ each, box: (each.matches("input") && each.closest("label") || each).getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.left < innerWidth && box.right > 0);
  const isSmall = ({ box }) => box.width < 23.5 || box.height < 23.5;
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const isNear = (mine, other) => {
    const [x, y] = middle(mine.box);
    if (isSmall(other)) { const [a, b] = middle(other.box); return Math.hypot(x - a, y - b) < 24; }
    const dx = Math.max(other.box.left - x, 0, x - other.box.right), dy = Math.max(other.box.top - y, 0, y - other.box.bottom);
    return Math.hypot(dx, dy) < 12;
  };
  for (const mine of targets) {
    const { each, box } = mine;
    const on = document.elementFromPoint(Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1), Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1));
    if (on && on !== each && !each.contains(on) && !on.closest("label")?.contains(each)) continue; // under a menu
    if (box.right > innerWidth + 1 && !scrolls(each) && getComputedStyle(each).position !== "fixed") wrong.push(`sticks out to the right: ${name(each)}`);
    if (!isSmall(mine)) continue;
    if (getComputedStyle(each).display === "inline" && each.parentElement.textContent.trim().length > each.textContent.trim().length) continue;
    const [x, y] = middle(box);
    const takes = (dx, dy) => { if (x + dx < 0 || y + dy < 0 || x + dx >= innerWidth || y + dy >= innerHeight) return true; const hit = document.elementFromPoint(x + dx, y + dy); return hit && (hit === each || each.contains(hit) || hit.closest("label")?.contains(each)); };
    if (takes(11, 0) && takes(-11, 0) && takes(0, 11) && takes(0, -11)) continue;
    const near = targets.find((other) => other.each !== each && !other.each.contains(each) && !each.contains(other.each) && isNear(mine, other));
    if (near) wrong.push(`small (${Math.round(box.width)} × ${Math.round(box.height)}): ${name(each)} beside ${name(near.each)}`);
  }
  return wrong;
}

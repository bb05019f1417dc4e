// Keys for the queue.  Everything works without this file.
"use strict";
(() => {
  const links = [...document.querySelectorAll("#queue .case-link")];
  if (!links.length) return;
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = links.indexOf(document.activeElement);
    if (event.key === "j") links[Math.min(at + 1, links.length - 1)].focus();
    else if (event.key === "k") links[Math.max(at - 1, 0)].focus();
    else if (event.key === "n") document.querySelector("a[rel=next]")?.click();
  });
})();

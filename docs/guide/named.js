// What the theme leaves without a name: its search, and landmarks of buttons that copy code.
"use strict";
const name = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  for (const nav of document.querySelectorAll("nav.md-code__nav")) nav.setAttribute("role", "presentation");
};
new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
name();

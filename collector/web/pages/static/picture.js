// The picture that the window has room for. It is read once the rows beneath it are there, which need not wait for it.
"use strict";

window.timelined = { phone: matchMedia("screen and (max-width: 51.25em)") };

// What a script finds in the element is text, until that is wanted; in a page that it asked for it has been read.
window.timelined.fitPicture = (page) => {
  for (const width of ["wide", "narrow"]) {
    const source = page.querySelector("noscript." + width);
    if (!source) continue;
    if ((width === "narrow") !== window.timelined.phone.matches) {
      if (page !== document) source.textContent = "";
      continue;
    }
    const shown = page.createElement("div");
    shown.className = width;
    if (page === document) shown.append(...new DOMParser().parseFromString(source.textContent, "text/html").body.childNodes);
    else shown.append(...source.childNodes);
    source.replaceWith(shown);
  }
};
requestAnimationFrame(() => setTimeout(() => window.timelined.fitPicture(document)));

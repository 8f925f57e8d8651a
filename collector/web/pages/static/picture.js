// The picture for a phone, put where it belongs before what stands beneath it is read: nothing moves later.
"use strict";

window.timelined = { phone: matchMedia("screen and (max-width: 51.25em)") };

// What a script finds in the element is text, until that is wanted; in a page that it asked for it has been read.
window.timelined.fitPicture = (page) => {
  const source = page.querySelector("noscript.narrow");
  if (!source) return;
  if (!window.timelined.phone.matches) {
    if (page !== document) source.textContent = "";
    return;
  }
  const shown = page.createElement("div");
  shown.className = "narrow";
  if (page === document) shown.append(...new DOMParser().parseFromString(source.textContent, "text/html").body.childNodes);
  else shown.append(...source.childNodes);
  source.replaceWith(shown);
};
window.timelined.fitPicture(document);

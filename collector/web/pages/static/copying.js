// The draft into the clipboard: as Markdown, as rich text, or for Slack.
"use strict";

(() => {
  const root = document.documentElement.dataset.root || "";
  const number = (location.pathname.slice(root.length).match(/^\/incidents\/(\d+)$/) || [])[1];
  const copying = document.getElementById("copying");

  function copier(name, make) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.ours = "";
    button.textContent = name;
    button.addEventListener("click", async () => {
      try {
        await make();
        button.textContent = "Copied";
      } catch (error) {
        button.textContent = "Cannot copy here";
      }
      setTimeout(() => (button.textContent = name), 2000);
    });
    copying.append(button, " ");
  }

  async function rendered(form) {
    const zone = new URLSearchParams(location.search).get("zone");
    const path = root + "/api/v1/incidents/" + number + "/postmortem." + form + (zone ? "?zone=" + encodeURIComponent(zone) : "");
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }

  // What is pasted takes the style of where it is pasted to. A style sheet that is parsed here breaks this page's own
  // policy, and a picture is black without one.
  function unstyled(text) {
    const page = new DOMParser().parseFromString(text.replace(/<style>.*?<\/style>/s, ""), "text/html");
    for (const part of page.querySelectorAll("script, svg, nav")) part.remove();
    return page;
  }

  // Slack's own marks; nothing of a sender's text may call a channel or a person.
  function forSlack(page) {
    for (const part of page.querySelectorAll("table")) part.remove();
    const lines = [];
    for (const part of page.querySelectorAll("h1, h2, h3, p, li")) {
      const words = part.textContent.replace(/\s+/g, " ").trim().replace(/@/g, "@\u2060").replace(/<!/g, "<\u2060!");
      if (!words || (part.tagName === "P" && part.closest("li"))) continue;
      if (/^H/.test(part.tagName)) lines.push("", "*" + words.replace(/\*/g, "") + "*");
      else lines.push((part.tagName === "LI" ? "• " : "") + words);
    }
    return lines.join("\n").trim() + "\n";
  }

  if (copying && navigator.clipboard) {
    copier("Copy as Markdown", async () => navigator.clipboard.writeText(await rendered("md")));
    copier("Copy as rich text", async () => {
      const [html, plain] = [await rendered("html"), await rendered("md")];
      const kinds = { "text/html": unstyled(html).documentElement.outerHTML, "text/plain": plain };
      const blobs = Object.entries(kinds).map(([kind, text]) => [kind, new Blob([text], { type: kind })]);
      await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
    });
    copier("Copy for Slack", async () => navigator.clipboard.writeText(forSlack(unstyled(await rendered("html")))));
  }
})();

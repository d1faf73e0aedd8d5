"use strict";
// What is live comes as parts of the page; a part in which somebody is at a button waits until they have left it.
(() => {
  const silentMs = 30000;
  const waiting = new Map();
  let heardMs = Date.now();

  // Players come and go, and what may be done changes: then the forms are others.
  const fits = (parts) => {
    const live = [...document.querySelectorAll(".live")];
    if (live.length !== Object.keys(parts).length - 1) return false;
    return live.every((element) => {
      const shape = new DOMParser().parseFromString(parts[element.id] || "", "text/html").querySelector(".shape");
      return shape !== null && shape.dataset.shape === element.closest("[data-shape]").dataset.shape;
    });
  };

  const put = (id, html) => {
    const element = document.getElementById(id);
    if (element.contains(document.activeElement)) {
      waiting.set(id, html);
    } else if (element.dataset.html !== html) {
      element.dataset.html = html;
      element.innerHTML = html;
      waiting.delete(id);
    }
  };

  // What a form is answered with comes as a page of its own, and is not sent again.
  let sending = false;
  document.addEventListener("submit", () => { sending = true; });
  document.addEventListener("focusout", () => setTimeout(() => waiting.forEach((html, id) => put(id, html)), 0));

  const source = new EventSource("/live");
  source.addEventListener("beat", () => { heardMs = Date.now(); });
  source.addEventListener("parts", (event) => {
    heardMs = Date.now();
    const parts = JSON.parse(event.data);
    if (fits(parts)) Object.entries(parts).forEach(([id, html]) => put(id, html));
    else if (!sending) location.pathname === "/" ? location.reload() : location.replace("/");
  });

  setInterval(() => {
    const old = Date.now() - heardMs > silentMs;
    document.getElementById("stale").hidden = !old;
    document.body.classList.toggle("old", old);
  }, 500);
})();

"use strict";
// The code of a one-time link stands behind #, which no server is sent; what is live goes along; a page that is left open
// says that it is old.
(() => {
  const field = document.getElementById("code");
  if (field && location.hash.length > 1) {
    field.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  }
  let madeMs = Date.now();
  const live = document.getElementById("live");
  const again = async () => {
    const answer = await fetch(location.href);
    const found = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    madeMs = Date.now();
    if (!found || (live.dataset.form && !found.dataset.live)) return location.reload();
    live.replaceChildren(...found.childNodes);
    if (!found.dataset.live) clearInterval(going);
  };
  const going = live && live.dataset.live && setInterval(() => again().catch(() => {}), Number(live.dataset.live));
  const stale = document.getElementById("stale");
  const old = live && live.dataset.live ? 30000 : 300000;
  if (stale) setInterval(() => { stale.hidden = Date.now() - madeMs < old; }, 1000);
})();

"use strict";
// The code of a one-time link stands behind #, which no server is sent; a page that is left open says that it is old.
(() => {
  const field = document.getElementById("code");
  if (field && location.hash.length > 1) {
    field.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  }
  const stale = document.getElementById("stale");
  const madeMs = Date.now();
  if (stale) setInterval(() => { stale.hidden = Date.now() - madeMs < 300000; }, 1000);
})();

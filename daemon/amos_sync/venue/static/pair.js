"use strict";
// The code of a pairing link stands behind #, which no server is sent. It comes into the field; the button is a person's.
(() => {
  const code = () => (/^#(?:pair|again)=([0-9]{6})$/.exec(location.hash) || [])[1];
  const signIn = document.querySelector("form[action='/signin']");
  const fill = () => {
    const fields = [...document.querySelectorAll(".pair input[name=code]")];
    if (!code()) return;
    document.getElementById(fields.length ? "code-here" : "code-waits").hidden = false;
    fields.forEach((field) => { field.value = code(); });
    if (fields.length) fields[0].closest("section").scrollIntoView();
  };
  if (!signIn) {
    addEventListener("hashchange", fill);
    fill();
  } else if (location.hash.startsWith("#pair=")) {
    // Cookies for this site alone are not sent where another program opens a page; where a page of ours does, they are.
    location.replace(`/#again=${code() || ""}`);
  } else if (code()) {
    signIn.action = `/signin#again=${code()}`;
  }
})();

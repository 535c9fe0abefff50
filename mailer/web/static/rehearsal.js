// Moves the film with its slider: the part of the page that is another one at another moment is fetched and put in
// place. Without this script the slider's button and the links do the same.
"use strict";

const slider = document.getElementById("at");
const shown = document.getElementById("moment");

if (slider && shown) {
  let wanted = 0;
  document.documentElement.classList.add("scripted");
  slider.addEventListener("input", async () => {
    const mine = ++wanted;
    const query = new URLSearchParams(new FormData(slider.form));
    const answer = await fetch(`/rehearsal/moment?${query}`, { credentials: "same-origin" });
    if (!answer.ok || mine !== wanted) return;
    const part = await answer.text();
    if (mine !== wanted) return;
    shown.innerHTML = part;
    slider.setAttribute("aria-valuetext", shown.querySelector("time").textContent);
    history.replaceState(null, "", `/rehearsal?${query}`);
  });
}

// The letter is shown again, in the words of the form, a moment after the last key. Without this the button does it.
const form = document.querySelector("form.words");
const button = document.getElementById("try");
let waiting;
if (form && button) {
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => form.requestSubmit(button), 700);
  });
}

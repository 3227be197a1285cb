// <button data-reveal="ID">: shows and hides the password in that field. Hidden until this script makes it work.
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.ariaPressed = String(shown);
  };
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // A password manager, and the browser's history of fields, must see a password field.
  input.form.addEventListener("submit", () => show(false));
  button.hidden = false;
}

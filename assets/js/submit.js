// A form is sent once: a second click while the first is under way would make a second sign-in or a second decision.
const guard = (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  form.ariaBusy = "true";
};
document.addEventListener("submit", guard);

// Back brings the page as it was left, its forms still busy.
addEventListener("pageshow", () => {
  for (const form of document.forms) form.ariaBusy = null;
});

// <theme-switch>: a button that goes through system, light and dark. Hidden until this script makes it work.
const schemes = ["system", "light", "dark"];

class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.choose(schemes[(schemes.indexOf(this.current) + 1) % 3]));
    this.show();
    this.hidden = false;
  }

  get current() {
    return document.documentElement.dataset.theme ?? "system";
  }

  choose(scheme) {
    if (scheme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = scheme;
    try {
      if (scheme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", scheme);
    } catch {
      // The choice then lasts as long as the page.
    }
    this.show();
  }

  show() {
    for (const part of this.querySelectorAll("[data-scheme]")) part.hidden = part.dataset.scheme !== this.current;
  }
}

customElements.define("theme-switch", ThemeSwitch);

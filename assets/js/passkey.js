// <passkey-button options="JSON" [make] [autofill]>: asks this browser for a passkey and sends the form around it with the answer.
// Hidden until this script finds that the browser has passkeys.
const patience = 4 * 60 * 1000; // a question is good for five minutes

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const known = (list) => list?.map((c) => ({ ...c, id: bytes(c.id) }));

const toMake = (o) =>
  PublicKeyCredential.parseCreationOptionsFromJSON?.(o) ??
  { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: known(o.excludeCredentials) };
const toShow = (o) =>
  PublicKeyCredential.parseRequestOptionsFromJSON?.(o) ??
  { ...o, challenge: bytes(o.challenge), allowCredentials: known(o.allowCredentials) };

// Password managers bring credentials without a toJSON that works.
const answer = (credential) => {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  const transports = credential.response.getTransports?.();
  if (transports) response.transports = transports;
  const { id, type, authenticatorAttachment } = credential;
  return JSON.stringify({ id, rawId: text(credential.rawId), type, authenticatorAttachment, response, clientExtensionResults: {} });
};

class PasskeyButton extends HTMLElement {
  #asked = Date.now();
  #waiting = new AbortController(); // ends the question to the autofill

  connectedCallback() {
    if (!window.PublicKeyCredential) return;
    this.hidden = false;
    const button = this.querySelector("button");
    // The browser passes over what was hidden when it looked for what has the focus first.
    if (button.autofocus && document.activeElement === document.body) button.focus();
    button.addEventListener("click", (event) => {
      event.preventDefault();
      if (button.formNoValidate || button.form.reportValidity()) this.#ask(button);
    });
    this.#autofill();
  }

  async #ask(button) {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    this.#waiting.abort();
    for (const said of this.querySelectorAll("[data-error]")) said.hidden = true;
    try {
      if (Date.now() - this.#asked > patience) await this.#renew();
      this.#send(await this.#question());
    } catch (error) {
      const said = this.querySelector(`[data-error="${CSS.escape(error.name)}"]`) ?? this.querySelector('[data-error=""]');
      said.hidden = false;
      this.#autofill();
    } finally {
      button.ariaBusy = null;
    }
  }

  // The field shows passkeys among what it can be filled with, for as long as the page is open.
  async #autofill() {
    if (!this.hasAttribute("autofill") || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    const waiting = (this.#waiting = new AbortController());
    const old = setTimeout(() => waiting.abort("old"), patience);
    try {
      this.#send(await this.#question({ mediation: "conditional", signal: waiting.signal }));
    } catch {
      if (waiting.signal.reason !== "old") return;
      await this.#renew();
      this.#autofill();
    } finally {
      clearTimeout(old);
    }
  }

  #question(how) {
    const options = JSON.parse(this.getAttribute("options"));
    if (this.hasAttribute("make")) return navigator.credentials.create({ publicKey: toMake(options) });
    return navigator.credentials.get({ publicKey: toShow(options), ...how });
  }

  #send(credential) {
    const button = this.querySelector("button");
    button.form.elements.credential.value = answer(credential);
    button.form.requestSubmit(button);
  }

  // A page that was open for long gets the question of a new one.
  async #renew() {
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const other = page.querySelector("passkey-button");
      this.setAttribute("options", other.getAttribute("options"));
      this.querySelector("[name=ceremony]").value = other.querySelector("[name=ceremony]").value;
      this.#asked = Date.now();
    } catch {
      // The old question is asked, and the server says that it came too late.
    }
  }
}

if (window.PublicKeyCredential) {
  for (const sentence of document.querySelectorAll("[data-without-passkeys]")) sentence.hidden = true;
}
customElements.define("passkey-button", PasskeyButton);

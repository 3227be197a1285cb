// <copy-button for="ID">: copies the text of that element, and says so. Hidden until this script makes it work.
class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    const done = this.querySelector("[data-done]");
    if (!navigator.clipboard) return;
    button.addEventListener("click", async () => {
      const source = document.getElementById(this.getAttribute("for"));
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
      } catch {
        getSelection().selectAllChildren(source); // refused: selected, it is one key away
        return;
      }
      this.classList.add("done");
      done.textContent = done.dataset.done;
      setTimeout(() => {
        this.classList.remove("done");
        done.textContent = "";
      }, 2000);
    });
    this.hidden = false;
  }
}

customElements.define("copy-button", CopyButton);

// Blocks of code in the documentation get a copy button from the page's template of one.
const template = document.getElementById("copy-code");
if (template) {
  for (const [i, pre] of document.querySelectorAll(".prose pre").entries()) {
    pre.id ||= `code-${i + 1}`;
    const frame = document.createElement("div");
    frame.className = "code";
    pre.replaceWith(frame);
    const copy = template.content.cloneNode(true);
    copy.querySelector("copy-button").setAttribute("for", pre.id);
    frame.append(pre, copy);
  }
}

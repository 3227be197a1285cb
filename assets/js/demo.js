// The page of "regrant demo". Without this script its buttons are plain forms; with it they act in place, the messages
// draw themselves one after the other, lives count down, and what happens elsewhere shows up here.
const beats = { few: 420, many: 260 }; // milliseconds between messages

// A life that runs out. Both count from the moment the page was made.
class LifeLeft extends HTMLElement {
  connectedCallback() {
    this.ends = performance.now() + Number(this.dataset.left);
    this.timer = setInterval(() => this.show(), 200);
    this.show();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  show() {
    const left = Math.max(0, this.ends - performance.now());
    const life = Number(this.dataset.life);
    this.querySelector(".left").textContent = Math.ceil(left / 1000);
    this.querySelector(".ring").setAttribute("stroke-dashoffset", String(100 - (100 * left) / life));
    this.toggleAttribute("data-soon", left > 0 && left < life / 3);
    this.toggleAttribute("data-over", left === 0);
    if (left === 0) clearInterval(this.timer);
  }
}
customElements.define("life-left", LifeLeft);

class TimeLeft extends HTMLElement {
  connectedCallback() {
    const ends = performance.now() + Number(this.dataset.left);
    const show = () => {
      const left = ends - performance.now();
      this.querySelector(".left").textContent = Math.max(0, Math.ceil(left / 1000));
      if (left > 0) return;
      this.hidden = true;
      clearInterval(this.timer);
    };
    this.timer = setInterval(show, 200);
    show();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }
}
customElements.define("time-left", TimeLeft);

// play lets the messages of the scene appear in their order.
const play = () => {
  const sequence = document.querySelector(".stage .sequence");
  if (!sequence || sequence.dataset.outlook) return;
  const items = [...sequence.children];
  sequence.style.setProperty("--beat", `${items.length > 5 ? beats.many : beats.few}ms`);
  items.forEach((item, turn) => item.style.setProperty("--turn", turn));
  sequence.classList.add("play");
};

// show puts another state of the page in the place of this one.
const show = (html) => {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById("demo");
  const now = document.getElementById("demo");
  if (!next) return location.reload();
  const focused = document.activeElement?.closest("form")?.getAttribute("action");
  now.replaceWith(document.adoptNode(next));
  for (const form of next.querySelectorAll("form")) {
    const button = form.querySelector("button");
    if (form.getAttribute("action") === focused && !button.disabled) button.focus({ preventScroll: true });
  }
  if (focused && document.activeElement === document.body) document.getElementById("scene").focus({ preventScroll: true });
  const title = document.getElementById("scene-title").textContent;
  document.getElementById("said").textContent = `${title}. ${document.getElementById("scene-rule").textContent}`;
  // On a narrow screen the buttons stand above the diagram.
  const stage = document.getElementById("scene");
  const box = stage.getBoundingClientRect();
  if (box.top < 0 || box.top > innerHeight / 2) stage.scrollIntoView({ block: "start", behavior: "smooth" });
  play();
};

let acting = false;
document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!form.dataset.act) return;
    event.preventDefault();
    if (acting) return;
    acting = true;
    form.ariaBusy = "true";
    try {
      const answer = await fetch(form.action, { method: "POST" });
      show(await answer.text());
    } catch {
      location.reload();
    } finally {
      acting = false;
    }
  },
  true,
);

// Another tab acts, or time passes there: the page follows.
const main = document.getElementById("demo");
const live = new EventSource(main.dataset.live);
live.addEventListener("message", async (event) => {
  if (acting || event.data === document.getElementById("demo").dataset.version) return;
  const answer = await fetch(location.pathname);
  const html = await answer.text();
  if (!acting) show(html);
});
addEventListener("pagehide", () => live.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // Back shows the page as it was long ago
});

play();

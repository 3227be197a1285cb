// The answer to an application goes on its way by itself, once: Back must not send it again.
const answer = document.querySelector("form[data-send-at-once]");
if (answer && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") answer.requestSubmit();

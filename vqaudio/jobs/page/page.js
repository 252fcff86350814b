"use strict";
// One sound at a time, and a line in the pictures where it is.  Another version of a recording goes on where it is.
const players = [...document.querySelectorAll("audio")];
const articleOf = (element) => element?.closest("article") ?? null;
let current = null; // the player that was started last, and the version before it of the same recording
let before = null;

for (const player of players) {
  const article = articleOf(player);
  const button = player.parentElement.querySelector("button");
  const move = () => {
    for (const head of article.querySelectorAll(".playhead")) {
      head.style.left = `${(100 * player.currentTime) / Number(article.dataset.seconds)}%`;
      head.style.opacity = player.currentTime > 0 ? "1" : "0";
    }
    if (!player.paused) requestAnimationFrame(move);
  };
  player.addEventListener("play", () => {
    for (const other of players) {
      if (other === player || other.paused) continue;
      if (articleOf(other) === article) player.currentTime = other.currentTime;
      other.pause();
    }
    if (current !== player) before = articleOf(current) === article ? current : null;
    current = player;
    button.setAttribute("aria-pressed", "true");
    move();
  });
  player.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
  player.addEventListener("seeked", move);
  button.addEventListener("click", () => choose(player));
}

function choose(player) {
  if (!player.paused) return player.pause();
  const last = articleOf(current) === articleOf(player) ? current : null;
  if (last && last !== player && !last.ended) {
    last.pause();
    player.currentTime = last.currentTime;
  }
  player.play().catch(() => {}); // the player itself shows what is wrong
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const article = articleOf(document.activeElement) ?? articleOf(current);
  const versions = article ? [...article.querySelectorAll("audio")] : [];
  const chosen = event.key === "x" ? before : versions[(Number(event.key || NaN) + 9) % 10];
  if (!chosen) return;
  event.preventDefault();
  choose(chosen);
});

// Tables and pictures wider than the screen fade where they go on.
for (const box of document.querySelectorAll(".scroll")) {
  const mark = () => {
    box.parentElement.classList.toggle("more-left", box.scrollLeft > 1);
    box.parentElement.classList.toggle("more-right", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  };
  box.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(box);
  mark();
}

"use strict";
// One sound at a time, and a line in the pictures where it is.
const players = [...document.querySelectorAll("audio")];
for (const player of players) {
  const article = player.closest("article");
  const move = () => {
    for (const head of article.querySelectorAll(".playhead")) {
      head.style.left = `${(100 * player.currentTime) / Number(article.dataset.seconds)}%`;
      head.style.opacity = player.currentTime > 0 ? "1" : "0";
    }
    if (!player.paused) requestAnimationFrame(move);
  };
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
    move();
  });
  player.addEventListener("seeked", move);
}

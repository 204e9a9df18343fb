// Slides by keyboard; without script they can be scrolled. What is too large for its slide is made smaller.
(() => {
  const slides = Array.from(document.querySelectorAll(".slide"));
  const here = () => Math.round(scrollY / innerHeight);
  const go = (number) => slides[Math.max(0, Math.min(slides.length - 1, number))].scrollIntoView({behavior: "instant"});
  const steps = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -Infinity, End: Infinity};
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in steps) {
      event.preventDefault();
      go(here() + (event.key === " " && event.shiftKey ? -1 : steps[event.key]));
    } else if (event.key === "f") {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen();
    }
  });

  const parts = Array.from(document.querySelectorAll(".slide:not(.figure) .content"));
  const large = (part) => part.scrollHeight > part.clientHeight + 1 || part.scrollWidth > part.clientWidth + 1
    || Array.from(part.querySelectorAll(".formula")).some((each) => each.scrollWidth > each.clientWidth + 1);
  const fit = () => {
    for (const part of parts) {
      for (let size = 1; size > 0.3; size *= 0.93) {
        part.style.fontSize = `${size}em`;
        if (!large(part)) break;
      }
    }
  };
  const settle = () => {
    const number = here();
    fit();
    go(number);
  };
  addEventListener("resize", settle);
  document.fonts.ready.then(fit);
})();

// What every page does beside its renderer's own script. Without it the pages read as well.
(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  // The switch between editions leads to where the reader is: the anchor in the address while it is on the screen, else the section under the header
  const place = () => {
    const onScreen = (rect) => rect.bottom > 0 && rect.top < innerHeight;
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && onScreen(target.getBoundingClientRect())) return location.hash;
    const header = document.getElementById("quarto-header").getBoundingClientRect();
    const passed = all("main section[id]").filter((section) => section.getBoundingClientRect().top < header.bottom + 40);
    return passed.length ? "#" + passed[passed.length - 1].id : "";
  };
  for (const link of all(".editions a")) {
    for (const event of ["pointerdown", "click"]) link.addEventListener(event, () => { link.hash = place(); });
  }

  // What scrolls sideways can be reached by keyboard; what does not is no stop for it
  const scrollers = [["main pre", "Scrolling code"], [".formula", "Scrolling formula"], [".sd-table, .table-scroll", "Scrolling table"]];
  const reach = () => {
    for (const [selector, label] of scrollers) {
      for (const element of all(selector)) {
        if (element.scrollWidth > element.clientWidth) {
          element.tabIndex = 0;
          element.setAttribute("role", "region");
          element.setAttribute("aria-label", label);
        } else {
          for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
        }
      }
    }
  };
  reach();
  addEventListener("load", reach);
  addEventListener("resize", reach);

  // On a narrow screen the page's contents stand in the panel of the chapters, which Escape closes
  const [toc] = all("#TOC"), [panel] = all("#quarto-sidebar"), [button] = all(".quarto-btn-toggle");
  const narrow = matchMedia("(max-width: 991.98px)");
  if (toc && panel && !panel.contains(toc)) {
    const home = toc.parentElement;
    const move = () => (narrow.matches ? panel.append(toc) : home.prepend(toc));
    move();
    narrow.addEventListener("change", move);
  }
  if (panel && button) {
    const open = () => panel.classList.contains("show");
    new MutationObserver(() => button.setAttribute("aria-expanded", open())).observe(panel, { attributeFilter: ["class"] });
    panel.addEventListener("click", (event) => { if (event.target.closest("#TOC a") && open()) button.click(); });
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !narrow.matches || !open()) return;
      button.click();
      button.focus();
    });
  }

  // A page opened from disk may not read the index, so there the field says that it does not search
  const [search] = all("#quarto-search");
  if (search && location.protocol === "file:") {
    const field = document.createElement("input");
    field.className = "search-off";
    field.disabled = true;
    field.placeholder = field.title = "Search needs a web server";
    field.setAttribute("aria-label", field.title);
    search.replaceWith(field);
  }
})();

// What a page does where there is script. Without it the pages read as well.
(() => {
  const labels = JSON.parse(document.getElementById("labels").textContent);
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const root = document.documentElement, header = document.getElementById("page-header"), panel = document.getElementById("page-panel");

  // The section at the top of the screen; `null` above the first
  const here = () => {
    const top = Math.max(0, header.getBoundingClientRect().bottom) + 40;
    return all("main section[id]").filter((section) => section.getBoundingClientRect().top < top).pop() ?? null;
  };

  // What an anchor leads to stands below what stays of the header, which may take several rows
  const room = () => {
    const { position, top } = getComputedStyle(header);
    root.style.scrollPaddingTop = `${(position === "sticky" ? header.offsetHeight + parseFloat(top) : 0) + 16}px`;
  };
  room();
  addEventListener("resize", room);

  // The switch between editions leads to where the reader is: the anchor in the address while it is on the screen, else the section here
  const place = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const box = target && target.getBoundingClientRect();
    if (box && box.bottom > 0 && box.top < innerHeight) return location.hash;
    return here() ? "#" + here().id : "";
  };
  for (const link of all(".editions a")) {
    for (const event of ["pointerdown", "click"]) link.addEventListener(event, () => { link.hash = place(); });
  }

  // The contents of the page show where one is
  const [toc] = all(".toc");
  const entries = new Map(all(".toc a").map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  let waiting = false;
  const follow = () => {
    waiting = false;
    const current = entries.get(here()?.id);
    for (const link of entries.values()) {
      if (link === current) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
    const list = current && [toc, panel].find((each) => each.scrollHeight > each.clientHeight); // a long one follows
    if (!list) return;
    const [box, frame] = [current, list].map((each) => each.getBoundingClientRect());
    if (box.top < frame.top || box.bottom > frame.bottom) list.scrollTop += (box.top + box.bottom - frame.top - frame.bottom) / 2;
  };
  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(follow);
    waiting = true;
  }, { passive: true });
  follow();

  // Dark or light: the system's choice, until the button says otherwise
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.querySelector(".scheme-button").addEventListener("click", () => {
    const now = root.dataset.scheme ?? (dark.matches ? "dark" : "light"), wanted = now === "dark" ? "light" : "dark";
    root.dataset.scheme = wanted;
    try {
      if (wanted === (dark.matches ? "dark" : "light")) localStorage.removeItem("color-scheme");
      else localStorage.setItem("color-scheme", wanted);
    } catch { /* storage may be forbidden; the choice then holds for this page */ }
  });

  // On a narrow screen chapters and contents stand in a panel, which Escape and a click beside it close
  const button = document.querySelector(".menu-button");
  const open = (wanted) => {
    root.classList.toggle("panel-open", wanted);
    button.setAttribute("aria-expanded", wanted);
  };
  button.addEventListener("click", () => open(!root.classList.contains("panel-open")));
  addEventListener("click", (event) => {
    if (root.classList.contains("panel-open") && !event.target.closest("#page-header, #page-panel") || event.target.closest(".toc a")) open(false);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !root.classList.contains("panel-open")) return;
    open(false);
    button.focus();
  });

  // Every piece of code can be copied
  for (const code of all("main div.sourceCode")) {
    const copy = element("button", { type: "button", className: "copy-button", textContent: labels.copy });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.querySelector("code").innerText);
      } catch { // no clipboard for pages that are not served securely: select it, and let the browser copy what is selected
        getSelection().selectAllChildren(code.querySelector("code"));
        document.execCommand("copy");
      }
      copy.textContent = labels.copied;
      setTimeout(() => { copy.textContent = labels.copy; }, 1500);
    });
    code.append(copy);
  }

  // What scrolls sideways can be reached by keyboard; what does not is no stop for it
  const scrollers = [["main pre", labels.code], [".formula", labels.formula], [".table-scroll", labels.table]];
  const reach = () => {
    for (const [selector, label] of scrollers) {
      for (const box of all(selector)) {
        if (box.scrollWidth > box.clientWidth) {
          box.tabIndex = 0;
          box.setAttribute("role", "region");
          box.setAttribute("aria-label", label);
        } else {
          for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
        }
      }
    }
  };
  reach();
  addEventListener("load", reach);
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true); // what was folded has no width before

  // A term says what it means where it stands: on hover, on focus, at the first tap; Escape takes that away
  const tip = element("div", { id: "meaning", className: "meaning", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  let explained = null, timer = 0, tapped = null;
  const hide = () => {
    explained?.removeAttribute("aria-describedby");
    explained = null;
    tip.hidden = true;
  };
  const explain = (link) => {
    hide();
    explained = link;
    link.setAttribute("aria-describedby", tip.id);
    tip.textContent = labels.meanings[decodeURIComponent(link.hash.slice(1))];
    tip.hidden = false;
    const [line] = link.getClientRects(), width = document.documentElement.clientWidth, { offsetWidth, offsetHeight } = tip;
    const above = line.bottom + offsetHeight + 8 > innerHeight && line.top > offsetHeight + 8;
    tip.style.left = `${scrollX + Math.max(8, Math.min(line.left, width - offsetWidth - 8))}px`;
    tip.style.top = `${scrollY + (above ? line.top - offsetHeight - 4 : line.bottom + 4)}px`;
  };
  const soon = (act, delay) => { clearTimeout(timer); timer = setTimeout(act, delay); };
  for (const link of all("main a.term").filter((each) => decodeURIComponent(each.hash.slice(1)) in labels.meanings)) {
    link.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") soon(() => explain(link), 150); });
    link.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") soon(hide, 200); });
    link.addEventListener("pointerdown", (event) => { tapped = event.pointerType !== "mouse" && explained !== link ? link : null; });
    link.addEventListener("focus", () => explain(link));
    link.addEventListener("blur", hide);
    link.addEventListener("click", (event) => {
      if (tapped !== link) return; // a second tap follows the link
      tapped = null;
      event.preventDefault();
      explain(link);
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(timer));
  tip.addEventListener("pointerleave", () => soon(hide, 200));
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("pointerdown", (event) => { if (explained && !event.target.closest("a.term, .meaning")) hide(); });

  // Search: the index is a script, so that it can be read from disk too; it comes when the field is first used
  const search = document.querySelector(".search"), field = search.querySelector("input"), box = search.querySelector("div");
  const status = box.querySelector("p"), list = box.querySelector("ul");
  let index = null;
  const load = () => {
    index ??= new Promise((resolve, reject) => {
      const script = element("script", { src: "search.js", onerror: reject });
      script.onload = () => resolve([window.searchIndex, window.searchSynonyms ?? {}]);
      document.head.append(script);
    });
    return index;
  };
  const scores = (entry, words) => words.map((word) => {
    const times = entry.text.toLowerCase().split(word).length - 1;
    return (entry.title.toLowerCase().includes(word) ? 20 : 0) + (entry.section.toLowerCase().includes(word) ? 30 : 0) + Math.min(times, 10);
  });
  const named = (entry, wanted) => { // the section whose heading is what was typed, or begins with it, before all that only mention it
    const heading = (entry.section || entry.title).toLowerCase();
    return heading === wanted ? 2000 : heading.startsWith(wanted) ? 1000 : 0;
  };
  const marked = (text, words) => { // the text around the first word found, with every word marked
    const lower = text.toLowerCase(), first = Math.min(...words.map((word) => lower.indexOf(word)).filter((at) => at >= 0), text.length);
    const start = first === text.length ? 0 : Math.max(0, first - 40), part = text.slice(start, start + 140);
    const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
    const pieces = part.split(new RegExp(`(${escaped})`, "i"));
    return [start ? "…" : "", ...pieces.map((piece, at) => at % 2 ? element("mark", {}, piece) : piece), start + 140 < text.length ? "…" : ""];
  };
  const result = (entry, words) => {
    const name = element("strong", {}, ...marked(entry.section || entry.title, words));
    const title = element("span", { className: "where" }, entry.section ? entry.title : "");
    return element("li", {}, element("a", { href: entry.href }, name, title, element("span", {}, ...marked(entry.text, words))));
  };
  // What is typed, and the same with the pages' own word in the place of another one for it
  const spelled = (wanted, synonyms) => [
    wanted, ...Object.entries(synonyms).filter(([other]) => wanted.includes(other)).map(([other, own]) => wanted.replace(other, own))];
  const find = async () => {
    const wanted = field.value.trim().toLowerCase();
    box.hidden = !wanted;
    if (!wanted) return;
    try {
      const [entries, synonyms] = await load();
      if (field.value.trim().toLowerCase() !== wanted) return;
      const hits = new Map();
      for (const text of spelled(wanted, synonyms)) {
        const words = text.split(/\s+/);
        for (const entry of entries) {
          const found = scores(entry, words);
          if (!found.every((score) => score > 0)) continue;
          const total = found.reduce((sum, score) => sum + score, named(entry, text));
          if (total > (hits.get(entry)?.total ?? 0)) hits.set(entry, { entry, words, total });
        }
      }
      const best = [...hits.values()].sort((one, other) => other.total - one.total);
      list.replaceChildren(...best.slice(0, 30).map((hit) => result(hit.entry, hit.words)));
      status.textContent = hits.size ? labels.found.replace("{n}", hits.size) : labels.none;
    } catch {
      list.replaceChildren();
      status.textContent = labels.missing;
    }
  };
  document.querySelector(".search-button").addEventListener("click", () => field.focus({ preventScroll: true }));
  field.addEventListener("focus", () => load().catch(() => {}));
  field.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    const stops = [field, ...all("a", list)], at = stops.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && !box.hidden) {
      event.preventDefault();
      stops[Math.max(0, Math.min(to, stops.length - 1))].focus();
    } else if (event.key === "Enter" && at === 0 && stops[1]) {
      stops[1].click();
    } else if (event.key === "Escape") {
      field.value = "";
      box.hidden = true;
      field.focus();
    }
  });
  addEventListener("pointerdown", (event) => { if (!search.contains(event.target)) box.hidden = true; });
  list.addEventListener("click", () => { box.hidden = true; });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
})();

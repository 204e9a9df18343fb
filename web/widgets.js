// Starts the widgets of a page where there is no kernel. Each is a module in anywidget's format; until it runs, and if it does not, its
// picture and caption stand in its place.
(() => {
  const folder = new URL(".", document.currentScript.src), labels = JSON.parse(document.getElementById("labels").textContent);
  const scripts = new Map();
  const load = (file) => { // a classic script, since a page from disk may load no other
    if (!scripts.has(file)) {
      scripts.set(file, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        Object.assign(script, { src: new URL(file, folder), onload: resolve, onerror: () => reject(new Error(`${file} is missing`)) });
        document.head.append(script);
      }));
    }
    return scripts.get(file);
  };
  const bytes = (text) => { // a loop, since Uint8Array.from takes ten times as long and would halt the page
    const plain = atob(text), data = new Uint8Array(plain.length);
    for (let i = 0; i < data.length; i++) data[i] = plain.charCodeAt(i);
    return new DataView(data.buffer);
  };

  // What a module asks of its model, as anywidget defines it; nothing is saved, for nobody else has the values
  const modelOf = (values, send) => {
    const listeners = new Map();
    return {
      get: (name) => values[name],
      set(name, value) {
        values[name] = value;
        for (const event of [`change:${name}`, "change"]) for (const listener of [...listeners.get(event) ?? []]) listener();
      },
      on(event, listener) { listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)); },
      off(event, listener) {
        if (listener) listeners.get(event)?.delete(listener);
        else listeners.delete(event);
      },
      save_changes() {},
      send,
    };
  };

  const buffersOf = (name) => Object.assign({}, ...window.widgetParts[name].map((part) => part.buffers));
  // What a widget wants kept in the page's address, #name=words, so that a link leads to it
  const wordsOf = (name) => (location.hash.startsWith(`#${name}=`) ? location.hash.slice(name.length + 2) : "");
  const share = (name, model) => {
    model.on("change:shared", () => history.replaceState(history.state, "", `#${name}=${model.get("shared")}`));
    addEventListener("hashchange", () => wordsOf(name) && model.set("shared", wordsOf(name)));
  };
  const start = async (place) => {
    const name = place.dataset.widget, picture = place.firstElementChild, element = document.createElement("div");
    try {
      await load(`${name}.js`);
      const [{ module, state, buffers }] = window.widgetParts[name];
      const values = { ...state, shared: wordsOf(name), opening: place.dataset.opening };
      for (const [key, text] of Object.entries(buffers)) values[key] = bytes(text);
      const model = modelOf(values, async ({ load: wanted }) => {
        try {
          await load(`${name}-${wanted}.js`);
          model.set(wanted, bytes(buffersOf(name)[wanted]));
        } catch {
          fail(place);
        }
      });
      const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
      const widget = (await import(address)).default;
      share(name, model);
      picture.before(element);
      await widget.initialize?.({ model });
      await widget.render({ model, el: element });
      const refused = element.querySelector('[role="alert"]:not(:empty)'); // a module's own word that it cannot show anything
      picture.hidden = !refused;
      place.dataset.state = refused ? "failed" : "live";
      if (values.shared) place.scrollIntoView();
    } catch (error) {
      element.remove();
      fail(place);
      console.error(error);
    }
  };
  const fail = (place) => {
    if (place.dataset.state === "failed") return;
    place.dataset.state = "failed";
    const message = Object.assign(document.createElement("p"), { className: "widget-failed", textContent: labels.widget });
    message.setAttribute("role", "status");
    place.append(message);
  };

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      start(target);
    }
  }, { rootMargin: "600px" });
  for (const place of document.querySelectorAll("[data-widget]")) {
    if (wordsOf(place.dataset.widget)) start(place);
    else near.observe(place);
  }
})();

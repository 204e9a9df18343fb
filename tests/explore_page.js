// A small, strict host for the explorer: it refuses joined event names, unknown traits, and values changed in place.
(() => {
  const BYTES = ["decoder", "encoder", "digits", "points"];

  const bytes = (base64) => {
    const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), shifted = new Uint8Array(data.length + 3);
    shifted.set(data, 3);
    return new DataView(shifted.buffer, 3);
  };
  const freeze = (value) => {
    if (value && typeof value === "object" && !ArrayBuffer.isView(value)) Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };

  window.makeModel = (traits) => {
    const read = (name, value) => (BYTES.includes(name) ? bytes(value) : freeze(value));
    const values = Object.fromEntries(Object.entries(traits).map(([name, value]) => [name, read(name, value)]));
    const listeners = new Map(), sent = [], saved = [];
    const known = (name) => {
      if (!(name in values)) throw new Error(`no trait ${name}`);
    };
    const event = (name) => {
      if (!/^change:\w+$/.test(name)) throw new Error(`no event ${name}`);
      known(name.slice(7));
      return listeners.get(name) ?? listeners.set(name, new Set()).get(name);
    };
    const set = (name, value) => {
      known(name);
      values[name] = freeze(value);
      for (const listener of [...event(`change:${name}`)]) listener();
    };
    return {
      set, sent, saved,
      get: (name) => (known(name), values[name]),
      save_changes: () => saved.push(values.z),
      send: (content) => sent.push(content),
      on: (name, listener) => event(name).add(listener),
      off(name, listener) {
        if (!event(name).delete(listener)) throw new Error(`${name} has no such listener`);
      },
      receive: (name, value) => set(name, read(name, value)),
      listeners: () => [...listeners.values()].reduce((sum, each) => sum + each.size, 0),
    };
  };

  // What a page has to give back: frames, timers, and listeners outside the widget
  const pending = new Set(), signals = [];
  for (const [start, end] of [["requestAnimationFrame", "cancelAnimationFrame"], ["setTimeout", "clearTimeout"]]) {
    const [begin, cancel] = [window[start].bind(window), window[end].bind(window)];
    window[start] = (task, ...rest) => {
      const id = begin((...given) => (pending.delete(start + id), task(...given)), ...rest);
      pending.add(start + id);
      return id;
    };
    window[end] = (id) => (pending.delete(start + id), cancel(id));
  }
  for (const target of [document, window, MediaQueryList.prototype]) {
    const add = target.addEventListener;
    target.addEventListener = function (name, listener, options) {
      if (new Error().stack.includes("blob:")) signals.push(options?.signal);
      return add.call(this, name, listener, options);
    };
  }
  window.left = () => [...pending, ...signals.filter((signal) => !signal?.aborted).map(() => "listener")];
  window.grey = (selector) => {
    const canvas = document.querySelector(selector), { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
  };
  window.frames = async (count) => {
    for (let i = 0; i < count; i++) await new Promise((done) => requestAnimationFrame(done));
  };
})();

// A text of the page's scripts in the visitor's language: _("Key {key}", { key: "A" }).
window._ = (text, values = {}) =>
  (texts[text] ?? text).replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);

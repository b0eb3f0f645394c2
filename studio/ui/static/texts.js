// A text of the page's scripts in the visitor's language: _("{count} chosen", { count: 3 }).
window._ = (text, values = {}) =>
  (texts[text] ?? text).replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);

// Keys: `/` the search, `j` and `k` the next and previous thing of the page. Choosing a filter applies it.
"use strict";
document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  const typing = at && (at.matches("input:not([type=radio]), textarea, select"));
  if (event.key === "Escape" && typing) at.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    const search = document.querySelector("[data-search]");
    search.focus();
    search.select();
  }
  if (event.key !== "j" && event.key !== "k") return;
  const items = [...document.querySelectorAll("[data-item]")].filter((item) => item.checkVisibility());
  const here = items.findIndex((item) => item.contains(at));
  const next = items[here < 0 ? 0 : here + (event.key === "j" ? 1 : -1)];
  if (!next) return;
  const link = next.matches("a") ? next : next.querySelector("a[href^='/']");
  if (!link) next.tabIndex = -1;
  (link || next).focus();
  next.scrollIntoView({ block: "nearest" });
});
for (const form of document.querySelectorAll("[data-filters]")) {
  form.addEventListener("change", (event) => event.target.type === "radio" && form.requestSubmit());
  // Addresses stay short: what is not chosen is left out.
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) {
      if (!value || value === { order: "newest", what: "articles" }[name]) formData.delete(name);
    }
  });
}

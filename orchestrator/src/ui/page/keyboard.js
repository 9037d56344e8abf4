// The keyboard. What has the focus comes first: one types in a field, and Enter is for the link or the button that has it.

const FIELD = "input:not([type=checkbox]), select, textarea";
const ENTERED = "a, button, summary, input";

/** Listens: `acts()` are what the keys do now, by key, and `back` is for Escape. Behind an open `dialog` nothing is done. */
export function listen({ dialog, acts, back }) {
  document.addEventListener("keydown", (event) => {
    if (dialog.open) return;
    const typing = event.target.matches(FIELD);
    if (event.key === "Escape") {
      if (!typing) return back();
      // A browser would empty a field for conditions.
      event.preventDefault();
      event.target.blur();
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target.closest(ENTERED)) return;
    const act = acts()[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

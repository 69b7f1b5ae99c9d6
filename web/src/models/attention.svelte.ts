/** Whether the person looks at this tab. Set by start.ts from the page's events. */
export class Attention {
  active = $state(true);
  #listeners = new Set<() => void>();

  set(active: boolean): void {
    if (this.active === active) return;
    this.active = active;
    for (const listener of this.#listeners) listener();
  }

  onchange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

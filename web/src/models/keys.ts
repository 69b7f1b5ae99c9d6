// Keyboard shortcuts as text ("mod+k"), matched against key events and shown to
// people. `mod` is Ctrl, and on Apple's systems ⌘.

/** What of a keyboard event is looked at. */
export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

const APPLE = /Mac|iPhone|iPad/.test(globalThis.navigator?.userAgent ?? "");

/** Whether a press is this shortcut. */
export function matches(shortcut: string, press: KeyPress, apple = APPLE): boolean {
  const parts = shortcut.split("+");
  const key = parts[parts.length - 1] ?? "";
  const mod = apple ? press.metaKey : press.ctrlKey;
  const otherMod = apple ? press.ctrlKey : press.metaKey;
  return (
    press.key.toLowerCase() === key.toLowerCase() &&
    mod === parts.includes("mod") &&
    !otherMod &&
    press.altKey === parts.includes("alt") &&
    // A key that needs Shift to be typed at all brings it along.
    (press.shiftKey === parts.includes("shift") || (!/^[a-z]$|^\w{2,}$/i.test(key) && !parts.includes("shift")))
  );
}

const SYMBOLS: Record<string, string> = {
  arrowup: "↑",
  arrowdown: "↓",
  escape: "Esc",
  enter: "Enter",
  shift: "Shift",
  alt: "Alt",
};

/** A shortcut as the caps of the keyboard. */
export function caps(shortcut: string, apple = APPLE): string[] {
  return shortcut.split("+").map((part) => {
    if (part === "mod") return apple ? "⌘" : "Ctrl";
    return SYMBOLS[part.toLowerCase()] ?? part.toUpperCase();
  });
}

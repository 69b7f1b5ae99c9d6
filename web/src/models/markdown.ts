// The text of a message as a tree of marked's tokens. Nothing here makes HTML:
// components render the tokens, and what is not known is shown as it was typed.
import type { Token, Tokens } from "marked";
import { Lexer } from "marked";

export type { Token, Tokens } from "marked";

/** Long enough for any message; beyond this it is shown as plain text, so that
 *  nobody can make others' browsers work for seconds. */
const PARSED_CHARACTERS = 20_000;

export function tokensOf(text: string): Token[] {
  if (text.length > PARSED_CHARACTERS) return [plain(text)];
  return new Lexer({ gfm: true, breaks: true }).lex(text);
}

function plain(text: string): Tokens.Text {
  return { type: "text", raw: text, text };
}

/** The address of a link, or null when it must not be one. */
export function safeAddress(href: string): string | null {
  try {
    const url = new URL(href);
    return ["https:", "http:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Whether a message is one to three emoji and nothing else: shown large. */
export function isEmojiOnly(text: string): boolean {
  const trimmed = text.trim();
  return trimmed.length <= 40 && /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u.test(trimmed);
}

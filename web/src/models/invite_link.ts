/** What was pasted where an invite link belongs. */
export type PastedLink =
  | { type: "invite"; code: string }
  | { type: "otherServer"; host: string }
  | { type: "none" };

/** Codes are of letters that survive every messenger. */
const CODE = /^[A-Za-z0-9_-]{4,128}$/;

/** Reads a pasted invite link, or a bare code. */
export function readInviteLink(pasted: string, origin: string): PastedLink {
  const text = pasted.trim();
  if (CODE.test(text)) return { type: "invite", code: text };
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `https://${text}`);
  } catch {
    return { type: "none" };
  }
  const code = /^\/invite\/([^/]+)\/?$/.exec(url.pathname)?.[1];
  if (code === undefined || !CODE.test(code)) return { type: "none" };
  // A link without its scheme is still this server's.
  if (url.host !== new URL(origin).host) return { type: "otherServer", host: url.host };
  return { type: "invite", code };
}

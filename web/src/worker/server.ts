// The HTTP questions that stand before a session.
import type { BridgeFailure, InviteInfo } from "../bridge/messages.ts";

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** An answer other than success, or none. */
export class ServerError extends Error {
  constructor(readonly failure: BridgeFailure) {
    super(failure.message);
    this.name = "ServerError";
  }
}

async function asked(fetch: Fetch, path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    throw new ServerError({ code: "offline", reason: null, message: String(cause) });
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { code?: unknown; detail?: unknown };
  throw new ServerError({
    code: "refused",
    // A proxy before the server answers without a code.
    reason: typeof problem.code === "string" ? problem.code : `http_${response.status}`,
    message: typeof problem.detail === "string" ? problem.detail : response.statusText,
  });
}

/** Who invites, and to what. */
export async function inviteInfo(fetch: Fetch, code: string): Promise<InviteInfo> {
  const response = await asked(fetch, `/api/v1/invites/${encodeURIComponent(code)}`);
  const body = (await response.json()) as { server_name: string; invited_by: string | null; uses_left: number };
  return { serverName: body.server_name, invitedBy: body.invited_by, usesLeft: body.uses_left };
}

/** Makes the account; the answer goes to Registration.finish as it came. */
export async function register(fetch: Fetch, body: string): Promise<string> {
  return posted(fetch, "/api/v1/accounts", body);
}

/** Begins a new session of a known device; the answer goes to signInAgain as it
 *  came. */
export async function signIn(fetch: Fetch, name: string, password: string, device: string): Promise<string> {
  return posted(fetch, "/api/v1/sessions", JSON.stringify({ name, password, device_id: device }));
}

async function posted(fetch: Fetch, path: string, body: string): Promise<string> {
  const response = await asked(fetch, path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return response.text();
}

// Turns what failed into a sentence with a next step. Codes that are new to
// this version still give a sentence.
import { RequestError } from "../bridge/client.ts";
import type { BridgeFailure } from "../bridge/messages.ts";
import { known, t } from "../strings/index.ts";

/** Shortest password, in characters; a limit of the protocol. */
export const PASSWORD_MIN = 8;
/** Longest text of a message, in bytes of UTF-8; a limit of the protocol. */
export const TEXT_MAX_BYTES = 60 * 1024;

/** The failure that an error carries. */
export function failureOf(cause: unknown): BridgeFailure {
  if (cause instanceof RequestError) return cause.failure;
  return { code: "internal", reason: null, message: cause instanceof Error ? cause.message : String(cause) };
}

/** The sentence for a failure; `name` is who it is about, if anybody. */
export function sentence(failure: BridgeFailure, name = ""): string {
  const values = { name, min: PASSWORD_MIN, detail: failure.message, code: failure.reason ?? failure.code };
  if (failure.code === "refused") {
    const key = `error.${failure.reason ?? ""}`;
    return known(key) ? t(key, values) : t("error.refused", values);
  }
  const key = `error.${failure.code}`;
  return known(key) ? t(key, values) : t("error.internal", values);
}

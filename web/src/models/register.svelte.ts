// From an invite to an account: who invites, a name, a password.
import type { Bridge } from "../bridge/client.ts";
import type { InviteInfo } from "../bridge/messages.ts";
import { t } from "../strings/index.ts";
import { failureOf, PASSWORD_MIN, sentence } from "./failure.ts";

type InviteState =
  | { type: "loading" }
  | { type: "valid"; info: InviteInfo }
  | { type: "gone" }
  | { type: "failed"; sentence: string };

export class Register {
  readonly code: string;
  invite = $state.raw<InviteState>({ type: "loading" });
  name = $state("");
  password = $state("");
  busy = $state(false);
  nameError = $state<string | null>(null);
  passwordError = $state<string | null>(null);
  /** What concerns neither field. */
  error = $state<string | null>(null);
  /** How many characters the password still lacks. */
  lacking = $derived(Math.max(0, PASSWORD_MIN - [...this.password].length));

  #bridge: Bridge;
  #done: () => void;

  constructor(bridge: Bridge, code: string, done: () => void) {
    this.#bridge = bridge;
    this.code = code;
    this.#done = done;
    void this.look();
  }

  /** Asks the server about the invite. */
  async look(): Promise<void> {
    this.invite = { type: "loading" };
    try {
      this.invite = { type: "valid", info: await this.#bridge.call({ type: "inviteInfo", code: this.code }) };
    } catch (cause) {
      const failure = failureOf(cause);
      this.invite =
        failure.reason === "invite_not_found" ? { type: "gone" } : { type: "failed", sentence: sentence(failure) };
    }
  }

  writeName(name: string): void {
    this.name = name;
    this.nameError = null;
  }

  writePassword(password: string): void {
    this.password = password;
    this.passwordError = null;
  }

  async submit(): Promise<void> {
    if (this.busy) return;
    const name = this.name.trim();
    this.nameError = name === "" ? t("error.name_missing") : null;
    this.passwordError = this.lacking > 0 ? t("error.password_length", { min: PASSWORD_MIN }) : null;
    this.error = null;
    if (this.nameError !== null || this.passwordError !== null) return;
    this.busy = true;
    try {
      await this.#bridge.call({ type: "register", name, password: this.password, inviteCode: this.code });
      this.password = "";
      this.#done();
    } catch (cause) {
      const failure = failureOf(cause);
      const text = sentence(failure);
      if (failure.reason === "name_taken" || failure.reason === "name_invalid") this.nameError = text;
      else if (failure.reason === "password_length") this.passwordError = text;
      else this.error = text;
    } finally {
      this.busy = false;
    }
  }
}

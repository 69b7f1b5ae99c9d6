// The way back in for a browser whose session has ended. The name and the device
// are known; only the password is asked for.
import type { Bridge } from "../bridge/client.ts";
import { t } from "../strings/index.ts";
import { failureOf, sentence } from "./failure.ts";

export class SignIn {
  password = $state("");
  busy = $state(false);
  error = $state<string | null>(null);

  #bridge: Bridge;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  writePassword(password: string): void {
    this.password = password;
    this.error = null;
  }

  async submit(): Promise<void> {
    if (this.busy) return;
    this.error = this.password === "" ? t("error.password_missing") : null;
    if (this.error !== null) return;
    this.busy = true;
    try {
      await this.#bridge.call({ type: "signIn", password: this.password });
      this.password = "";
    } catch (cause) {
      this.error = sentence(failureOf(cause));
    } finally {
      this.busy = false;
    }
  }
}

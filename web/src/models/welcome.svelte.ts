// The front door without an account: an invite link is pasted here.
import { t } from "../strings/index.ts";
import { readInviteLink } from "./invite_link.ts";
import type { Address } from "./platform.ts";
import type { Router } from "./router.svelte.ts";

export class Welcome {
  pasted = $state("");
  error = $state<string | null>(null);
  #router: Router;
  #address: Address;

  constructor(router: Router, address: Address) {
    this.#router = router;
    this.#address = address;
  }

  paste(text: string): void {
    this.pasted = text;
    this.error = null;
  }

  submit(): void {
    const link = readInviteLink(this.pasted, this.#address.origin);
    if (link.type === "invite") this.#router.go(`/invite/${link.code}`);
    else this.error = link.type === "otherServer" ? t("welcome.otherServer", { host: link.host }) : t("welcome.bad");
  }
}

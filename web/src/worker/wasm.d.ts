// Written by hand: the generated module lies in the git-ignored folder wasm/
// and is not there before `cargo xtask wasm`. Records and effects cross as plain
// arrays; machine.ts gives them their form.
declare module "*/chat_client_wasm.js" {
  export default function init(from: { module_or_path: URL }): Promise<unknown>;
  export const Machine: new (records: never[]) => unknown;
  export const Registration: new (name: string, password: string, inviteCode: string) => unknown;
  export function signInAgain(records: never[], responseJson: string): unknown;
}

//! Makes the JavaScript side of the WebAssembly client machine.
//!
//! `web-bindgen IN.wasm OUT_FOLDER` writes `NAME.js`, `NAME.d.ts` and
//! `NAME_bg.wasm`. It is a package of its own because the generator it links
//! takes minutes to compile and only the browser's build needs it. It must never
//! do more than this: what the build does is decided in xtask.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [module, folder] = arguments.as_slice() else {
        eprintln!("usage: web-bindgen IN.wasm OUT_FOLDER");
        return ExitCode::from(2);
    };
    match generate(module, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes an ES module that fetches its WebAssembly beside itself, which is what
/// a bundler that hashes assets understands. No names and no producers: they
/// are size without use, and would tell of the machine that built it.
fn generate(module: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .web(true)
        .context("the target is set once")?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen
        .generate(folder)
        .with_context(|| format!("cannot make bindings of {}", module.display()))
}

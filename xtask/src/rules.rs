//! The import rules: which package may import which, and what never.
//!
//! They are a table, checked over what Cargo itself resolves: transitively, on
//! normal and build edges. A test dependency may be anything; it is in no
//! program.

mod graph;
mod table;

use anyhow::{Result, bail};

use crate::repository::Repository;
use graph::Graph;
use table::{DOORS, MAY_IMPORT, NEVER};

/// Checks every rule, and names each edge that breaks one with its path.
pub fn check(repository: &Repository) -> Result<()> {
    let graph = Graph::of(repository)?;
    let broken = violations(&graph);
    if broken.is_empty() {
        return Ok(());
    }
    bail!(
        "the import rules (xtask/src/rules/table.rs) are broken:\n  {}",
        broken.join("\n  ")
    )
}

/// Every broken rule as a sentence.
fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    strangers(graph, &mut found);
    arrows(graph, &mut found);
    forbidden(graph, &mut found);
    doors(graph, &mut found);
    found
}

/// A package without a row is a package without rules.
fn strangers(graph: &Graph, found: &mut Vec<String>) {
    for member in graph.members() {
        if row(member).is_none() {
            found.push(format!(
                "{member} has no row in the table: say what it may import"
            ));
        }
    }
    for (package, _) in MAY_IMPORT {
        if !graph.is_member(package) {
            found.push(format!(
                "{package} has a row in the table and does not exist"
            ));
        }
    }
}

/// Among our own packages, only what a row allows, directly or through the rows
/// of what it allows.
fn arrows(graph: &Graph, found: &mut Vec<String>) {
    for (package, _) in MAY_IMPORT {
        let allowed = allowed(package);
        for ours in graph.members().filter(|ours| ours != package) {
            if allowed.contains(&ours) {
                continue;
            }
            if let Some(path) = graph.path(package, ours, None) {
                found.push(format!("{package} may not import {ours}: {path}"));
            }
        }
    }
}

fn forbidden(graph: &Graph, found: &mut Vec<String>) {
    for rule in NEVER {
        for package in graph.members().filter(|member| rule.who.covers(member)) {
            for &name in rule.what {
                if let Some(path) = graph.path(package, name, None) {
                    found.push(format!("{path}: {}", rule.why));
                }
            }
        }
    }
}

/// What everybody reaches only through one package.
fn doors(graph: &Graph, found: &mut Vec<String>) {
    for door in DOORS {
        for package in graph.members().filter(|&member| member != door.through) {
            if let Some(path) = graph.path(package, door.to, Some(door.through)) {
                found.push(format!("{path}: {}", door.why));
            }
        }
    }
}

fn row(package: &str) -> Option<&'static [&'static str]> {
    MAY_IMPORT
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, may)| *may)
}

/// Everything a package may reach among ours: its row, and the rows behind it.
fn allowed(package: &str) -> Vec<&'static str> {
    let mut reached: Vec<&'static str> = Vec::new();
    let mut next: Vec<&'static str> = row(package).unwrap_or_default().to_vec();
    while let Some(name) = next.pop() {
        if !reached.contains(&name) {
            reached.push(name);
            next.extend(row(name).unwrap_or_default());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real() -> Graph {
        Graph::of(&Repository::find()).expect("cargo metadata can be read")
    }

    /// What a graph with one more edge breaks.
    fn with_edge(from: &str, to: &str) -> Vec<String> {
        let mut graph = real();
        graph.plant(from, to);
        violations(&graph)
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        assert_eq!(violations(&real()), Vec::<String>::new());
    }

    #[test]
    fn a_server_that_imports_the_crypto_is_refused() {
        let broken = with_edge("chat-server", "chat-crypto");
        assert!(
            broken
                .iter()
                .any(|line| line.contains("chat-server → chat-crypto")),
            "{broken:#?}"
        );
    }

    #[test]
    fn a_forbidden_import_is_found_through_others_and_its_path_is_named() {
        let broken = with_edge("chat-domain", "chat-client");
        assert!(
            broken
                .iter()
                .any(|line| line.starts_with("chat-store may not import chat-crypto: chat-store → chat-domain → chat-client → chat-crypto")),
            "{broken:#?}"
        );
    }

    #[test]
    fn a_second_door_to_the_database_is_refused() {
        let broken = with_edge("chat-server", "sqlx");
        assert!(
            broken
                .iter()
                .any(|line| line.starts_with("chat-server → sqlx: ")),
            "{broken:#?}"
        );
    }

    #[test]
    fn a_runtime_in_the_client_machine_is_refused() {
        for (from, to) in [
            ("chat-client", "tokio"),
            ("chat-crypto", "reqwest"),
            ("chat-domain", "tokio"),
            ("chat-client", "rusqlite"),
        ] {
            assert!(!with_edge(from, to).is_empty(), "{from} → {to}");
        }
    }

    #[test]
    fn another_tls_library_is_refused_anywhere() {
        let broken = with_edge("reqwest", "openssl");
        assert!(
            broken
                .iter()
                .any(|line| line.contains("→ reqwest → openssl")),
            "{broken:#?}"
        );
    }

    #[test]
    fn the_test_kit_imports_none_of_ours() {
        assert!(!with_edge("chat-testkit", "chat-protocol").is_empty());
    }

    #[test]
    fn a_new_package_needs_a_row() {
        let mut graph = real();
        graph.plant_member("chat-surprise");
        let broken = violations(&graph);
        assert!(
            broken
                .iter()
                .any(|line| line.starts_with("chat-surprise has no row")),
            "{broken:#?}"
        );
    }
}

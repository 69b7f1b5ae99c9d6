//! The one build of a test run: every test binary and every program that the
//! chosen parts need, in one call of Cargo, one profile and one resolution of
//! features, so that nothing is compiled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{Message, MetadataCommand, Package, Target, TargetKind};

use super::part::{self, Kind};
use crate::command;
use crate::progress::Progress;
use crate::repository::Repository;

/// The packages whose programs the end-to-end tests start.
const PROGRAMS: &[&str] = &["chat-server", "chatalot"];

/// Test targets by what identifies them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suite {
    pub part: &'static str,
    pub package: String,
    pub kind: Kind,
    pub target: String,
}

/// What the build has made.
#[derive(Debug, Default)]
pub struct Built {
    suites: Vec<(Suite, Option<PathBuf>)>,
    folders: BTreeMap<String, PathBuf>,
    documented: Vec<String>,
    errors: String,
}

impl Built {
    /// The suites of a part, each with its binary unless it did not compile.
    pub fn suites(&self, part: &str) -> impl Iterator<Item = (&Suite, Option<&PathBuf>)> {
        self.suites
            .iter()
            .filter(move |(suite, _)| suite.part == part)
            .map(|(suite, binary)| (suite, binary.as_ref()))
    }

    /// The folder of a package: where its tests expect to run.
    pub fn folder(&self, package: &str) -> Option<&PathBuf> {
        self.folders.get(package)
    }

    /// The packages whose documents have examples that are tests.
    pub fn documented(&self) -> &[String] {
        &self.documented
    }

    /// What the compiler said, when something did not compile.
    pub fn errors(&self) -> &str {
        &self.errors
    }
}

/// Builds the suites of these parts.
pub fn run(repository: &Repository, progress: Progress, parts: &[&str]) -> Result<Built> {
    let packages = packages(repository)?;
    let wanted: Vec<Suite> = packages
        .iter()
        .flat_map(suites)
        .filter(|suite| parts.contains(&suite.part))
        .collect();
    let mut selected: BTreeSet<&str> = wanted.iter().map(|suite| suite.package.as_str()).collect();
    // Black boxes have no edge in Cargo's graph to what they start.
    if selected.contains("chat-e2e") {
        selected.extend(PROGRAMS);
    }
    let all = packages
        .iter()
        .all(|package| selected.contains(package.name.as_str()));
    let mut cargo = repository.cargo(&["build", "--keep-going", "--lib", "--bins", "--tests"]);
    cargo.arg("--message-format=json-render-diagnostics");
    if !all {
        for package in &selected {
            cargo.args(["--package", package]);
        }
    }
    let output = progress.step("Building test binaries and programs", |step| {
        command::run_to_end(step, &mut cargo)
    })?;
    if !output.succeeded {
        progress.note(&output.end());
    }
    let binaries = binaries(&output.stdout)?;
    Ok(Built {
        suites: wanted
            .into_iter()
            .map(|suite| {
                let key = (suite.package.clone(), suite.kind, suite.target.clone());
                let binary = binaries.get(&key).cloned();
                (suite, binary)
            })
            .collect(),
        folders: packages
            .iter()
            .map(|package| (package.name.to_string(), folder(package)))
            .collect(),
        documented: packages
            .iter()
            .filter(|package| {
                package
                    .targets
                    .iter()
                    .any(|target| target.doctest && is_library(target))
            })
            .map(|package| package.name.to_string())
            .collect(),
        errors: if output.succeeded {
            String::new()
        } else {
            output.end()
        },
    })
}

/// The default members of the workspace.
fn packages(repository: &Repository) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .current_dir(repository.root())
        .no_deps()
        .exec()
        .context("cargo metadata can be run")?;
    let members = metadata
        .workspace_default_members
        .iter()
        .cloned()
        .collect::<BTreeSet<_>>();
    Ok(metadata
        .packages
        .into_iter()
        .filter(|package| members.contains(&package.id))
        .collect())
}

fn folder(package: &Package) -> PathBuf {
    package
        .manifest_path
        .parent()
        .map(|folder| folder.as_std_path().to_owned())
        .unwrap_or_default()
}

fn suites(package: &Package) -> Vec<Suite> {
    package
        .targets
        .iter()
        .filter(|target| target.test)
        .filter_map(|target| {
            let kind = kind(target)?;
            Some(Suite {
                part: part::of(&package.name, kind, &target.name),
                package: package.name.to_string(),
                kind,
                target: target.name.clone(),
            })
        })
        .collect()
}

fn kind(target: &Target) -> Option<Kind> {
    if target.kind.contains(&TargetKind::Test) {
        return Some(Kind::Integration);
    }
    (is_library(target) || target.kind.contains(&TargetKind::Bin)).then_some(Kind::Inside)
}

fn is_library(target: &Target) -> bool {
    target.kind.contains(&TargetKind::Lib)
}

/// The test binaries in Cargo's messages.
fn binaries(messages: &str) -> Result<BTreeMap<(String, Kind, String), PathBuf>> {
    let mut found = BTreeMap::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        let Message::CompilerArtifact(artifact) = message.context("Cargo prints messages")? else {
            continue;
        };
        let (Some(kind), Some(binary)) = (kind(&artifact.target), artifact.executable) else {
            continue;
        };
        if !artifact.profile.test {
            continue;
        }
        let package = package_name(&artifact.package_id.repr, &artifact.target.name);
        found.insert(
            (package, kind, artifact.target.name),
            binary.into_std_path_buf(),
        );
    }
    Ok(found)
}

/// The name in a package id: `path+file:///…/tests/kit#chat-testkit@0.1.0`, or
/// `path+file:///…/xtask#0.1.0` when the folder has the package's name.
fn package_name(id: &str, fallback: &str) -> String {
    let Some((path, end)) = id.rsplit_once('#') else {
        return fallback.to_owned();
    };
    match end.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(fallback).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_its_id() {
        assert_eq!(
            package_name("path+file:///w/tests/kit#chat-testkit@0.1.0", ""),
            "chat-testkit"
        );
        assert_eq!(package_name("path+file:///w/xtask#0.1.0", ""), "xtask");
    }

    #[test]
    fn every_default_member_with_tests_is_in_a_part() {
        let packages = packages(&Repository::find()).expect("cargo metadata can be read");
        assert!(
            packages
                .iter()
                .any(|package| *package.name == "chat-testkit")
        );
        for suite in packages.iter().flat_map(suites) {
            assert!(
                part::PARTS.iter().any(|part| part.name == suite.part),
                "{suite:?}"
            );
        }
    }
}

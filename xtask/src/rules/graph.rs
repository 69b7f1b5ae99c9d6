//! Who imports whom, as Cargo resolves it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package};

use crate::repository::Repository;

/// Packages and their normal and build edges. A package goes by its name, and by
/// `name@version` where two versions of it are in use: their imports differ. A
/// rule names a package, and means every version.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    /// The graph of this workspace, for every platform.
    pub fn of(repository: &Repository) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .current_dir(repository.root())
            .exec()
            .context("cargo metadata can be run")?;
        Self::from_metadata(&metadata)
    }

    fn from_metadata(metadata: &Metadata) -> Result<Self> {
        let packages: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, package))
            .collect();
        let resolve = metadata
            .resolve
            .as_ref()
            .context("cargo metadata resolves the dependencies")?;
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        for package in &metadata.packages {
            *versions.entry(package.name.as_str()).or_default() += 1;
        }
        let key = |package: &Package| match versions.get(package.name.as_str()) {
            Some(&count) if count > 1 => format!("{}@{}", package.name, package.version),
            _ => package.name.to_string(),
        };
        let mut graph = Self::default();
        for node in &resolve.nodes {
            let package = packages.get(&node.id).context("a node is a package")?;
            let edges = graph.edges.entry(key(package)).or_default();
            for dependency in &node.deps {
                let target = packages
                    .get(&dependency.pkg)
                    .context("a node is a package")?;
                let counts = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind != DependencyKind::Development);
                if counts && is_active(package, node, &target.name) {
                    edges.insert(key(target));
                }
            }
        }
        graph.members = metadata
            .workspace_members
            .iter()
            .filter_map(|id| packages.get(id))
            .map(|package| package.name.to_string())
            .collect();
        Ok(graph)
    }

    /// The packages of the workspace.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    pub fn is_member(&self, name: &str) -> bool {
        self.members.contains(name)
    }

    /// The shortest way from one package to another, as "a → b → c"; `around`
    /// is a package it may not lead through.
    pub fn path(&self, from: &str, to: &str, around: Option<&str>) -> Option<String> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = VecDeque::from([from]);
        while let Some(name) = next.pop_front() {
            for target in self.edges.get(name).into_iter().flatten() {
                let target = target.as_str();
                if Some(target) == around || target == from || came_from.contains_key(target) {
                    continue;
                }
                came_from.insert(target, name);
                if target.split('@').next() == Some(to) {
                    return Some(words(&came_from, from, target));
                }
                next.push_back(target);
            }
        }
        None
    }

    /// Adds an edge, for a test that wants to see it refused.
    #[cfg(test)]
    pub fn plant(&mut self, from: &str, to: &str) {
        self.edges
            .entry(from.to_owned())
            .or_default()
            .insert(to.to_owned());
    }

    /// Adds a package to the workspace, for a test.
    #[cfg(test)]
    pub fn plant_member(&mut self, name: &str) {
        self.members.insert(name.to_owned());
    }
}

fn words(came_from: &BTreeMap<&str, &str>, from: &str, to: &str) -> String {
    let mut path = vec![to];
    let mut at = to;
    while at != from {
        // Every name on the way was put there with where it came from.
        let Some(&earlier) = came_from.get(at) else {
            break;
        };
        path.push(earlier);
        at = earlier;
    }
    path.reverse();
    path.join(" → ")
}

/// Whether a package's features really pull this dependency in. Cargo's metadata
/// lists an optional one already when a feature only mentions it weakly
/// (`ring?/alloc`), which compiles nothing.
fn is_active(package: &Package, node: &Node, dependency: &str) -> bool {
    let declared: Vec<_> = package
        .dependencies
        .iter()
        .filter(|declared| declared.name == dependency)
        .filter(|declared| declared.kind != DependencyKind::Development)
        .collect();
    // One that is not optional somewhere is always in.
    if declared.is_empty() || declared.iter().any(|declared| !declared.optional) {
        return true;
    }
    declared.iter().any(|declared| {
        let name = declared.rename.as_deref().unwrap_or(&declared.name);
        let asked = format!("dep:{name}");
        let with_feature = format!("{name}/");
        node.features
            .iter()
            .filter_map(|feature| package.features.get(feature.as_str()))
            .flatten()
            .any(|item| *item == asked || item.starts_with(&with_feature))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Graph {
        let mut graph = Graph::default();
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("b", "d"), ("d", "e")] {
            graph.plant(from, to);
        }
        graph
    }

    #[test]
    fn the_path_is_the_shortest_and_a_circle_ends() {
        let graph = sample();
        assert_eq!(graph.path("a", "e", None).as_deref(), Some("a → b → d → e"));
        assert_eq!(graph.path("e", "a", None), None);
        assert_eq!(graph.path("a", "x", None), None);
    }

    #[test]
    fn a_door_closes_the_way_through_it() {
        let graph = sample();
        assert_eq!(graph.path("a", "e", Some("d")), None);
        assert!(graph.path("d", "e", Some("a")).is_some());
    }

    /// Test dependencies count for nothing, and an edge that Cargo reports is
    /// refused by the same code that reads the real workspace.
    #[test]
    fn an_edge_planted_into_the_metadata_is_read() {
        let repository = Repository::find();
        let metadata = MetadataCommand::new()
            .current_dir(repository.root())
            .exec()
            .expect("cargo metadata can be run");
        let before = Graph::from_metadata(&metadata).expect("it can be read");
        assert_eq!(before.path("chat-server", "chat-crypto", None), None);
        assert_eq!(
            before.path("chat-store", "chat-testkit", None),
            None,
            "a test dependency is in no program"
        );

        let mut json = serde_json::to_value(&metadata).expect("metadata has a JSON form");
        let id = |name: &str| {
            let package = metadata
                .packages
                .iter()
                .find(|package| *package.name == name);
            package.expect("it is in the workspace").id.to_string()
        };
        let (server, crypto) = (id("chat-server"), id("chat-crypto"));
        let nodes = json["resolve"]["nodes"]
            .as_array_mut()
            .expect("there are nodes");
        let node = nodes
            .iter_mut()
            .find(|node| node["id"] == *server)
            .expect("the server is resolved");
        node["deps"]
            .as_array_mut()
            .expect("it has a list")
            .push(serde_json::json!({
                "name": "chat_crypto",
                "pkg": crypto,
                "dep_kinds": [{"kind": null, "target": null}],
            }));
        let planted: Metadata = serde_json::from_value(json).expect("it is metadata still");
        let after = Graph::from_metadata(&planted).expect("it can be read");
        assert_eq!(
            after.path("chat-server", "chat-crypto", None).as_deref(),
            Some("chat-server → chat-crypto")
        );
        assert!(!super::super::violations(&after).is_empty());
    }
}

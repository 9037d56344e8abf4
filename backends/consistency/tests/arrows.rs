//! The arrows between crates, and the names at the top of the repository: a rule that is not checked is only a wish.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate of the workspace with its folder and the crates of ours that it may depend on.
const ARROWS: [(&str, &str, &[&str]); 4] = [
    ("exp-api", "backends/api", &[]),
    ("exp-consistency", "backends/consistency", &["exp-api"]),
    ("exp-burn", "backends/burn", &["exp-api", "exp-consistency"]),
    ("exp", "orchestrator", &["exp-api", "exp-burn", "exp-consistency"]),
];
/// An engine that is a workspace of its own, and need not be there.
const APART: (&str, &str, &[&str]) = ("exp-tch", "backends/tch", &["exp-api", "exp-consistency"]);
/// Tensor libraries, which are an engine's own affair.
const LIBRARIES: [&str; 5] = ["burn", "burn-core", "burn-flex", "tch", "torch-sys"];
/// What may stand at the top beside names that begin with a dot or with `LICENSE-`; git ignores the last two.
const TOP: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "orchestrator",
    "backends",
    "conf",
    "outputs",
    "README.md",
    "CHANGELOG.md",
    "target",
    "multirun",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The crates in any dependency table of a manifest; of one that is renamed there, both names.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut table = "";
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_matches(['[', ']']);
            // A table of one dependency names it in its header.
            let (parent, name) = table.rsplit_once('.').unwrap_or_default();
            named.extend(parent.ends_with("dependencies").then(|| name.to_owned()));
        } else if let Some((key, _)) = line.split_once(['=', '.']).filter(|_| table.contains("dependencies")) {
            named.extend(table.ends_with("dependencies").then(|| key.trim().to_owned()));
            named.extend(renamed(line).map(str::to_owned));
        }
    }
    named
}

/// The crate behind an entry with `package = "..."`.
fn renamed(entry: &str) -> Option<&str> {
    entry.split("package").nth(1)?.trim_start().strip_prefix('=')?.split('"').nth(1)
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        match path.extension() {
            _ if path.is_dir() => files.extend(sources(&path)),
            Some(end) if end == "rs" => files.push(path),
            _ => {}
        }
    }
    files
}

/// Sources below a folder that have a word for which `wanted` holds; words are runs of letters, digits and underscores.
fn naming(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    for path in sources(&root.join(folder)) {
        let text = text(&path).to_lowercase();
        if text.split(|c: char| !c.is_alphanumeric() && c != '_').any(&wanted) {
            found.push(path.strip_prefix(&root).expect("below the root").display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn a_manifest_is_read_as_cargo_reads_it() {
    let manifest = r#"
        [package]
        name = "x"
        [dependencies]
        # exp-commented = "1"
        serde.workspace = true
        exp-api = { path = "../api" }
        hidden = { package = "exp-burn", version = "1" }
        [target.'cfg(unix)'.dev-dependencies]
        rustix = "1"
        [build-dependencies.exp-late]
        package = "exp-tch"
        [features]
        exp-feature = []
    "#;
    let expected = ["exp-api", "exp-burn", "exp-late", "exp-tch", "hidden", "rustix", "serde"];
    assert_eq!(dependencies(manifest), expected.map(str::to_owned).into());
}

#[test]
fn crates_depend_along_the_arrows_alone() {
    let apart = root().join(APART.1).join("Cargo.toml").exists().then_some(APART);
    for (name, folder, allowed) in ARROWS.into_iter().chain(apart) {
        let manifest = text(format!("{folder}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder} is not {name}");
        let ours = |dependency: &&String| *dependency == "exp" || dependency.starts_with("exp-");
        let all = dependencies(&manifest);
        let wrong: Vec<&String> = all.iter().filter(ours).filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{name} depends on {wrong:?}, allowed are {allowed:?}");
        assert!(all.contains("serde") || all.contains("exp-api"), "the manifest of {name} was not read: {all:?}");

        let engine = ["exp-burn", "exp-tch"].contains(&name);
        let library = |dependency: &&String| LIBRARIES.contains(&dependency.as_str());
        let libraries: Vec<&String> = all.iter().filter(library).collect();
        assert_eq!(!libraries.is_empty(), engine, "{name} depends on {libraries:?}");
    }
}

#[test]
fn every_crate_has_its_arrows() {
    let manifest = text("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).expect("a list of members");
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, ARROWS.map(|(_, folder, _)| folder).into());
}

#[test]
fn only_the_registry_names_an_engine() {
    let engine =
        |word: &str| word.starts_with("burn") || word.starts_with("exp_burn") || word == "tch" || word == "exp_tch";
    assert_eq!(naming("backends/consistency/src", engine), [""; 0]);
    let linked = |word: &str| word == "exp_burn" || word == "exp_tch";
    assert_eq!(naming("orchestrator/src", linked), ["orchestrator/src/registry.rs"]);
}

#[test]
fn the_top_holds_the_agreed_names() {
    let entries = fs::read_dir(root()).expect("the repository can be read");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let agreed = |name: &str| name.starts_with('.') || name.starts_with("LICENSE-") || TOP.contains(&name);
    let others: Vec<String> = names.filter(|name| !agreed(name)).collect();
    assert!(others.is_empty(), "the top of the repository has no place for {others:?}");
}

//! What the README and the book say: their commands are commands, their links lead somewhere, and the book has a chapter for each
//! of its files.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use exp::cli::{self, Cli};
use support::{Scratch, names, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages, as seen from the root.
fn pages() -> Vec<PathBuf> {
    let book = Path::new("orchestrator/docs/src");
    let chapters =
        names(&root().join(book)).into_iter().filter(|name| name.ends_with(".md")).map(|name| book.join(name));
    chapters.chain(["README.md".into(), "conf/README.md".into(), "orchestrator/benches/RESULTS.md".into()]).collect()
}

/// The words of a line, as a shell takes them apart.
fn words(line: &str) -> Vec<String> {
    let output = Command::new("sh").arg("-c").arg(format!("printf '%s\\n' {line}")).output().unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_they_say_to_type_can_be_typed() {
    let scratch = Scratch::new();
    let mut composed = 0;
    for page in pages() {
        let page = text(root().join(page)).replace("\\\n", "");
        for line in page.lines().filter(|line| line.starts_with("exp ")) {
            let words = words(line).split_off(1);
            let cli = Cli::parse(words.clone()).unwrap_or_else(|error| panic!("{line}\n{error}"));
            let flags = &cli.flags;
            if cli.command != cli::Command::Run || flags.cfg.is_some() || flags.info.is_some() || flags.dry_run {
                continue;
            }
            // Files and engines that it names need not be here: it is only composed.
            let how: &[&str] = if flags.multirun { &["--dry-run"] } else { &["--cfg", "job"] };
            scratch.ok(&[how, &words.iter().map(String::as_str).collect::<Vec<_>>()].concat());
            composed += 1;
        }
    }
    assert!(composed > 10, "{composed} lines were found");
}

#[test]
fn their_links_lead_somewhere() {
    let mut links = 0;
    for page in pages() {
        let content = text(root().join(&page));
        for target in content.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = root().join(&page).parent().unwrap().join(file);
            assert!(place.exists(), "{}: {target}", page.display());
            let heading = |line: &str| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-") == anchor;
            assert!(anchor.is_empty() || text(place).lines().any(heading), "{}: {target}", page.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links} links were found");
}

#[test]
fn each_page_of_the_book_is_a_chapter() {
    let book = root().join("orchestrator/docs/src");
    let summary = text(book.join("SUMMARY.md"));
    for name in names(&book).into_iter().filter(|name| name.ends_with(".md") && name != "SUMMARY.md") {
        assert!(summary.contains(&format!("({name})")), "{name}");
    }
}

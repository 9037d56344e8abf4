//! What a list of file names says about a data set: its kind, the files of a split, and classes.
//!
//! Owns the conventions. It opens nothing: names are relative to the folder or archive, with `/` between their parts.

use std::collections::BTreeSet;

use exp_api::spec::Split;

/// How pictures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Kind {
    /// Parquet files as Hugging Face publishes them.
    Parquet,
    /// CIFAR-10's binary batches.
    Batches,
    /// One file a picture.
    Images,
}

impl Kind {
    /// In words.
    pub(in crate::data) fn word(self) -> &'static str {
        match self {
            Kind::Parquet => "parquet files",
            Kind::Batches => "CIFAR-10's binary batches",
            Kind::Images => "image files",
        }
    }
}

/// The files of one split, in order.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::data) struct Listing {
    pub(in crate::data) kind: Kind,
    pub(in crate::data) names: Vec<String>,
    /// One a name, for image files; else empty.
    pub(in crate::data) labels: Vec<i64>,
    /// Names of the classes, for image files in folders of their own.
    pub(in crate::data) classes: Vec<String>,
}

impl Listing {
    /// What sorted `names` hold for a split; nothing if they hold nothing. Parquet comes before binary batches, these
    /// before image files.
    pub(super) fn of(names: Vec<String>, split: Split) -> Option<Listing> {
        let listed = |kind, names: Vec<String>| Listing { kind, names, labels: Vec::new(), classes: Vec::new() };
        let chosen = |wanted: &dyn Fn(&str) -> bool| nearest(names.iter().filter(|name| wanted(base(name))));
        let parquet = chosen(&|name| name.starts_with(split.word()) && name.ends_with(".parquet"));
        if !parquet.is_empty() {
            return Some(listed(Kind::Parquet, parquet));
        }
        let batches = chosen(&|name| match split {
            Split::Train => name.starts_with("data_batch_") && name.ends_with(".bin"),
            Split::Test => name == "test_batch.bin",
        });
        if !batches.is_empty() {
            return Some(listed(Kind::Batches, batches));
        }
        images(names, split)
    }
}

/// A split is a folder of that name; where there are no such folders, everything is for training. Below it the first folder
/// is the class, as torchvision's ImageFolder has it.
fn images(names: Vec<String>, split: Split) -> Option<Listing> {
    let is_image = |name: &&String| {
        let extension = base(name).rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
    };
    let names: Vec<String> = names.iter().filter(is_image).cloned().collect();
    let apart = names.iter().any(|name| split_at(name).is_some());
    let names: Vec<String> = match (apart, split) {
        (true, _) => names.into_iter().filter(|name| split_at(name).is_some_and(|(found, _)| found == split)).collect(),
        (false, Split::Train) => names,
        (false, Split::Test) => Vec::new(),
    };
    let first = names.first()?;
    // What all names begin with says nothing about any of them.
    let shared = names.iter().fold(folder(first), |shared, name| common(shared, folder(name)));
    let start = if apart { None } else { Some(shared.len()) };
    let class = |name: &String| {
        let rest = match start {
            Some(start) => name[start..].trim_start_matches('/'),
            None => split_at(name).map_or("", |(_, rest)| rest),
        };
        rest.split_once('/').map_or(".", |(class, _)| class).to_owned()
    };
    let classes: Vec<String> = names.iter().map(class).collect::<BTreeSet<_>>().into_iter().collect();
    let labels = names.iter().map(|name| classes.binary_search(&class(name)).map_or(0, |at| at as i64)).collect();
    let classes = if classes.len() > 1 { classes } else { Vec::new() };
    Some(Listing { kind: Kind::Images, names, labels, classes })
}

/// The split that a folder on the way to a file names, and the rest of the way.
fn split_at(name: &str) -> Option<(Split, &str)> {
    let mut rest = name;
    while let Some((folder, after)) = rest.split_once('/') {
        match folder {
            "train" => return Some((Split::Train, after)),
            "test" | "val" | "validation" => return Some((Split::Test, after)),
            _ => rest = after,
        }
    }
    None
}

/// Those of the names that lie in the fewest folders: what lies deeper is another copy.
fn nearest<'a>(names: impl Iterator<Item = &'a String> + Clone) -> Vec<String> {
    let depth = |name: &String| name.matches('/').count();
    let least = names.clone().map(depth).min();
    names.filter(|name| Some(depth(name)) == least).cloned().collect()
}

fn base(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, base)| base)
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders that two ways share.
fn common<'a>(one: &'a str, two: &str) -> &'a str {
    let same = one.split('/').zip(two.split('/')).take_while(|(a, b)| a == b);
    let length = same.map(|(part, _)| part.len() + 1).sum::<usize>().saturating_sub(1);
    &one[..length.min(one.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str], split: Split) -> Option<Listing> {
        let mut names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        names.sort();
        Listing::of(names, split)
    }

    #[test]
    fn kinds_have_a_rank() {
        let names = ["train-1.parquet", "train-0.parquet", "old/train-0.parquet", "data_batch_1.bin", "x.png"];
        let found = listing(&names, Split::Train).unwrap();
        assert_eq!(
            (found.kind, found.names),
            (Kind::Parquet, vec!["train-0.parquet".to_owned(), "train-1.parquet".to_owned()])
        );
        let batches = ["b/data_batch_2.bin", "b/data_batch_1.bin", "b/test_batch.bin", "b/batches.meta.txt"];
        assert_eq!(listing(&batches, Split::Train).unwrap().names, ["b/data_batch_1.bin", "b/data_batch_2.bin"]);
        assert_eq!(listing(&batches, Split::Test).unwrap().names, ["b/test_batch.bin"]);
        assert_eq!(listing(&["notes.txt"], Split::Train), None);
    }

    #[test]
    fn folders_are_classes() {
        for names in [["cat/1.png", "cat/2.PNG", "dog/1.jpg"], ["top/cat/1.png", "top/cat/2.png", "top/dog/a/1.jpeg"]] {
            let found = listing(&names, Split::Train).unwrap();
            assert_eq!(found.labels, [0, 0, 1], "{names:?}");
            assert_eq!(found.classes, ["cat", "dog"]);
            assert_eq!(listing(&names, Split::Test), None, "there is no folder of that name");
        }
        let flat = listing(&["all/2.png", "all/1.png"], Split::Train).unwrap();
        assert_eq!((flat.labels, flat.classes.len()), (vec![0, 0], 0));
    }

    #[test]
    fn folders_are_splits() {
        let names = ["set/train/dog/1.png", "set/train/cat/1.png", "set/val/cat/2.png", "set/other/3.png"];
        let found = listing(&names, Split::Train).unwrap();
        assert_eq!(
            (found.names.len(), found.labels, found.classes),
            (2, vec![0, 1], vec!["cat".to_owned(), "dog".to_owned()])
        );
        assert_eq!(listing(&names, Split::Test).unwrap().names, ["set/val/cat/2.png"]);
        let unlabelled = listing(&["train/1.png", "train/2.png"], Split::Train).unwrap();
        assert_eq!((unlabelled.labels, unlabelled.classes.len()), (vec![0, 0], 0));
    }
}

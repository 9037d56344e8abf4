//! A look at a data set before anything is trained on it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use exp_api::spec::Split;

use super::decode::{Fit, sizes};
use super::source::Source;
use super::{DataError, Shape};

/// Images that are shown.
const SHOWN: usize = 64;
/// Rows and columns of the largest image that is shown; larger ones are scaled down.
const SIDE: u32 = 64;

/// What one split of a data set holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The split.
    pub split: Split,
    /// The format, in words.
    pub format: String,
    /// Pictures, faulty ones too.
    pub count: usize,
    /// Pictures of every width and height, without faulty ones.
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// Pictures of every label.
    pub labels: BTreeMap<i64, usize>,
    /// Names of the classes, where folders name them.
    pub classes: Vec<String>,
    /// What is wrong with which pictures, or whole files of them: what training refuses, or skips.
    pub faulty: Vec<String>,
    /// The pixels of the first 64 images, NCHW, and their shape.
    pub first: (Vec<u8>, Shape),
}

/// Looks at both splits of what is at `path`. All pictures are decoded: only that tells whether they can be.
///
/// # Errors
/// What cannot be read, and a place that holds no split at all, or one of which every file is faulty.
pub fn inspect(path: &Path) -> Result<Vec<Inspection>, DataError> {
    let mut found = Vec::new();
    let mut nothing = None;
    for split in [Split::Train, Split::Test] {
        match Source::find(path, split) {
            Ok(source) => found.push(look(&source, split)?),
            Err(error @ DataError::NoFile { .. }) => nothing = nothing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match nothing {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn look(source: &Source, split: Split) -> Result<Inspection, DataError> {
    let shape = Shape { channels: 3, height: 0, width: 0 };
    let mut seen = Inspection {
        split,
        format: source.format(),
        count: 0,
        sizes: BTreeMap::new(),
        labels: BTreeMap::new(),
        classes: source.classes().to_vec(),
        faulty: Vec::new(),
        first: (Vec::new(), shape),
    };
    let mut unread = None;
    source.read(|part| {
        let part = match part {
            Ok(part) => part,
            Err(fault) => {
                seen.faulty.push(fault.to_string());
                unread = unread.take().or(Some(fault));
                return Ok(());
            }
        };
        let found = sizes(&part);
        if seen.count == 0 {
            let sides = found.iter().flatten().next().map_or(SIDE, |(width, height)| *width.min(height)).clamp(1, SIDE);
            let shape = Shape { channels: 3, height: sides as usize, width: sides as usize };
            seen.first = (Fit { shape, exact: false }.decode(&part.first(SHOWN)).0, shape);
        }
        let mut faults = Fit { shape: seen.first.1, exact: false }.faults(&part).into_iter().peekable();
        for (row, size) in found.into_iter().enumerate() {
            match faults.next_if(|(at, _)| *at == row) {
                Some((_, fault)) => seen.faulty.push(fault.to_string()),
                None => *seen.sizes.entry(size.unwrap_or_default()).or_default() += 1,
            }
            *seen.labels.entry(part.labels[row]).or_default() += 1;
        }
        seen.count += part.labels.len();
        Ok(())
    })?;
    match unread.filter(|_| seen.count == 0) {
        Some(fault) => Err(fault),
        None => Ok(seen),
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} images, {}", self.split.word(), self.count, self.format)?;
        let sizes = self.sizes.iter().map(|((width, height), count)| (format!("{width}x{height}"), count));
        writeln!(f, "  sizes    {}", counted(sizes))?;
        let name = |label: i64| {
            let name = usize::try_from(label).ok().and_then(|label| self.classes.get(label));
            name.map_or_else(|| label.to_string(), |name| format!("{label} {name}"))
        };
        writeln!(f, "  classes  {}", counted(self.labels.iter().map(|(&label, count)| (name(label), count))))?;
        if let Some(first) = self.faulty.first() {
            writeln!(f, "  faulty   {}, the first: {first}", self.faulty.len())?;
        }
        Ok(())
    }
}

/// Things with their counts; of many the first and the last.
fn counted<'a>(things: impl Iterator<Item = (String, &'a usize)>) -> String {
    let all: Vec<String> = things.map(|(thing, count)| format!("{thing} ({count})")).collect();
    match &all[..] {
        [first, .., last] if all.len() > 12 => format!("{}: {first} to {last}", all.len()),
        _ => all.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::everywhere;
    use super::*;

    #[test]
    fn a_look_counts_and_names() {
        let picture = |width: u32, level: u8| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let picture = image::GrayImage::from_pixel(width, 10, image::Luma([level]));
            picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            bytes.into_inner()
        };
        let (one, two) = (picture(10, 0), picture(12, 255));
        // Its head is whole.
        let cut = &two[..two.len() - 20];
        let files: [(&str, &[u8]); 6] = [
            ("set/test/cat/9.png", &one),
            ("set/train/cat/1.png", &one),
            ("set/train/cat/2.png", b"junk"),
            ("set/train/dog/1.png", &two),
            ("set/train/dog/2.png", &one),
            ("set/train/dog/3.png", cut),
        ];
        let (_dir, paths) = everywhere(&files);
        let found = inspect(&paths[1]).unwrap();
        assert_eq!(found.iter().map(|split| split.count).collect::<Vec<_>>(), [5, 1]);
        let zip = paths[1].display();
        let text = format!(
            "train: 5 images, image files in a zip\n  sizes    10x10 (2), 12x10 (1)\n  classes  0 cat (2), 1 dog (3)\n  \
             faulty   2, the first: {zip}: set/train/cat/2.png: "
        );
        assert!(found[0].to_string().starts_with(&text), "{}", found[0]);
        assert!(found[0].faulty[1].contains("set/train/dog/3.png: "), "{}", found[0].faulty[1]);
        let (first, shape) = &found[0].first;
        assert_eq!((first.len(), shape.width), (5 * shape.values(), 10));
        assert_eq!([first[0], first[2 * shape.values()]], [0, 255]);
        std::fs::create_dir(paths[0].join("empty")).unwrap();
        let nothing = inspect(&paths[0].join("empty")).unwrap_err().to_string();
        assert!(nothing.starts_with("found no pictures for the split `train` in "), "{nothing}");
    }
}

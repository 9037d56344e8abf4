//! A look at a data set: its format, counts, sizes and classes, and a picture of its first images.

use std::path::Path;

use exp_api::spec::Split;
use exp_consistency::data::{self, Inspection};
use exp_consistency::picture::{Picture, legible_scale};
use exp_consistency::pool::ready;

use super::Failure;
use crate::compose::World;
use crate::screen::answer;

/// Where pictures go, seen from the working directory.
const PICTURES: &str = "outputs/inspect";
/// Images across.
const COLUMNS: usize = 8;
/// Sides that are proposed are multiples of this.
const STEP: usize = 8;

/// Prints what is at a path and how to train on it, and draws a picture a split.
pub(super) fn inspect(asked: &Path, world: &World) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Data(error.to_string());
    let path = world.cwd.join(asked);
    let pictures = world.cwd.join(PICTURES);
    std::fs::create_dir_all(&pictures)?;
    ready()?;
    let found = data::inspect(&path).map_err(|error| failed(&error))?;
    for split in &found {
        let (images, shape) = &split.first;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = format!("{name}-{}.png", split.split.word());
        let picture = Picture::grid(images, *shape, COLUMNS, legible_scale(*shape));
        picture.and_then(|picture| picture.save(&pictures.join(&file))).map_err(|error| failed(&error))?;
        answer(format_args!("{split}  picture  {PICTURES}/{file}\n"))?;
    }
    // There is nothing to learn from one picture.
    let enough = |split: &&Inspection| split.sizes.values().sum::<usize>() > 1;
    if let Some(split) = found.iter().find(enough) {
        answer(format_args!("to train on it: exp {}\n", words(split, asked)))?;
    }
    Ok(())
}

/// The overrides with which a run trains on a split.
fn words(split: &Inspection, dir: &Path) -> String {
    let dir = dir.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+');
    let dir = if dir.chars().all(is_plain) { format!("dataset.dir={dir}") } else { format!("'dataset.dir=\"{dir}\"'") };
    let classes = split.labels.keys().map(|label| label + 1).max().unwrap_or(1).max(1);
    // Networks halve the side some times; what is larger is for who means it.
    let side = split.first.1.width;
    let side = if side > STEP { side - side % STEP } else { STEP };
    let mut words = format!("dataset=images {dir} dataset.side={side} dataset.classes={classes}");
    if split.split != Split::Train {
        words += &format!(" dataset.split={}", split.split.word());
    }
    if !split.faulty.is_empty() {
        words += " dataset.faulty=skip";
    }
    words
}

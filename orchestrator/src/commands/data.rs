//! A look at a data set: its format, counts, sizes and classes, and a picture of its first images.

use std::path::Path;

use exp_consistency::data;
use exp_consistency::picture::{Picture, legible_scale};

use super::Failure;
use crate::compose::World;
use crate::screen::answer;

/// Where pictures go, seen from the working directory.
const PICTURES: &str = "outputs/inspect";
/// Images across.
const COLUMNS: usize = 8;

/// Prints what is at `path`, and draws a picture a split.
pub(super) fn inspect(path: &Path, world: &World) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Data(error.to_string());
    let path = world.cwd.join(path);
    let pictures = world.cwd.join(PICTURES);
    std::fs::create_dir_all(&pictures)?;
    for split in data::inspect(&path).map_err(|error| failed(&error))? {
        let (images, shape) = &split.first;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = format!("{name}-{}.png", split.split.word());
        let picture = Picture::grid(images, *shape, COLUMNS, legible_scale(*shape));
        picture.and_then(|picture| picture.save(&pictures.join(&file))).map_err(|error| failed(&error))?;
        answer(format_args!("{split}  picture  {PICTURES}/{file}\n"))?;
    }
    Ok(())
}
